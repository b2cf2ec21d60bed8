"""What every method promises, checked for whatever the registry finds.

A method that cannot keep a promise names the test in its card's `exceptions`, with the reason; once it can, the test
fails until the exception is taken off again, so the list only shrinks.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from curation.card import NEEDS
from curation.data.contents import Images
from curation.data.results import Dynamics, Factors, Flags, Neighbours, Probabilities, Selection
from curation.data.view import View
from curation.engine.registry import all_methods, evidence, kinds, methods
from curation.errors import InputError
from curation.training.checkpoints import Network
from tests import toy, toy_files

EVERY = all_methods()
SCORES = tuple(methods("scores"))
FILES = tempfile.TemporaryDirectory()  # what evidence that a person brings along is read from

# From a View to an answer; the others are in the contract tests of their kinds.
PURE = [m for m in EVERY if m.kind in ("scores", "flags", "maps", "pruners", "evidence", "queries")]


@cache
def quick() -> dict[str, dict]:
    """Parameters for less work and the same promises."""
    return {"factors": {"steps": 20}, **toy_files.brought(Path(FILES.name))}


def cases(found):
    return pytest.mark.parametrize("method", found, ids=[f"{m.kind}/{m.id}" for m in found])


def trains(method) -> bool:
    return "students" in {ref.kind for ref in method.refs.values()}


def allowed(method) -> tuple[str, ...] | None:
    """What a method may read: what its card names, and what the student it trains reads. A query is held to it by
    `asking`, which reads more itself."""
    if method.kind == "queries":
        return None
    return (*method.card.needs, *(("embeddings", "labels") if trains(method) else ()))


def of(*kinds):
    return [m for m in PURE if m.kind in kinds]


@contextlib.contextmanager
def promise(method, sentence: str):
    """The assertions inside are the promise `sentence`, unless the card excepts it."""
    reason = dict(method.card.exceptions).get(sentence)
    try:
        yield
    except AssertionError:
        if reason is None:
            raise
        pytest.xfail(reason)
    assert reason is None, f"{method.id} keeps {sentence!r} now: take the exception off its card"


def run(method, view: View, *, seed: int = 0, budget: int = 30, **params):
    """Call a method as the runner does: full parameters, and what it asks to be handed."""
    offer = {"rng": np.random.default_rng(seed), "seed": seed, "device": "cpu", "progress": lambda *a, **k: None}
    injected = {name: value for name, value in offer.items() if name in method.injected}
    given = method.validated(quick().get(method.id, {}) | params, method.id)
    if method.kind == "queries":
        view = asking(view, method.card.needs)
        budget = min(budget, int((np.arange(len(view)) % 3 != 1).sum()))
    positional = (view, min(budget, len(view))) if method.kind in ("pruners", "queries") else (view,)
    made = method.call(*positional, **given, **injected)
    return made[0] if isinstance(made, tuple) else made  # evidence may add notes


@cache
def answer(method, budget: int = 30):
    """What a method says of the toy data, computed once for all tests that only look at it."""
    return run(method, toy.view(scores=SCORES), budget=budget)


def asking(view: View, needs) -> View:
    """A view as a query sees it: every third row is labelled, class 1 is the concept."""
    labels, p = view.labels, view.probabilities
    known = np.where(np.arange(len(view)) % 3 == 1, labels == 1, -1)
    shown = view.asking(known, lambda: np.stack([1 - p[:, 1], p[:, 1]], axis=1), 1.0 + np.arange(len(view)), needs)
    shown.classes = ("any other", "1")
    return shown


def parts(result) -> dict[str, np.ndarray]:
    """A result as named arrays, an item in every row."""
    if isinstance(result, Images):
        return {"rows": result.rows}
    if isinstance(result, Network):
        return {"weights": result.weights, "rows": result.rows}
    if isinstance(result, Dynamics):
        by_row = {"logits": result.logits.swapaxes(0, 1), "features": result.features}
        return {name: value for name, value in by_row.items() if value is not None}
    if isinstance(result, Flags | Neighbours | Selection | Probabilities | Factors):
        return {name: value for name, value in vars(result).items() if isinstance(value, np.ndarray)}
    return {"value": np.asarray(result)}


def same(a, b) -> bool:
    a, b = parts(a), parts(b)

    def equal(x: np.ndarray, y: np.ndarray) -> bool:
        return np.array_equal(x, y, equal_nan=x.dtype.kind == "f")  # of texts it cannot be asked

    return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)


# -- what it says about itself --------------------------------------------------------------------------------


@cases(EVERY)
def test_has_a_card_and_a_one_line_summary(method):
    card = method.card
    assert card.title
    assert method.summary.endswith((".", ":")) or ":" in method.summary
    assert len(method.summary) <= 120
    assert len(method.doc.splitlines()) > 2, "the docstring says what the method does and what it is blind to"
    assert set(card.needs) <= {*NEEDS, *evidence()}
    assert card.rows in ("train", "pool", "labelled", "all")
    assert method.call.__doc__, f"{kinds()[method.kind].verb}() says what comes back"
    if method.kind in ("scores", "flags", "maps", "pruners", "queries", "samplers", "evidence"):
        assert card.cost
        assert card.blind_to


@cases(PURE)
def test_has_an_example(method):
    assert ">>>" in method.call.__doc__


@cases(EVERY)
def test_every_parameter_has_a_description_a_plain_type_and_bounds(method):
    for name, shape in method.params.model_json_schema()["properties"].items():
        assert shape.get("description", "").endswith("."), f"{name}: a description is a sentence"
        kinds = [s for s in shape.get("anyOf", [shape]) if s.get("type") != "null"]
        for kind in kinds:
            assert "enum" in kind or kind.get("type") in ("boolean", "integer", "number", "string", "array"), name
            if kind.get("type") in ("integer", "number"):
                assert kind.keys() & {"minimum", "exclusiveMinimum"}, f"{name} has no lower bound"
                if method.kind != "sources":  # whose limits a person may lift as far as the machine carries
                    assert kind.keys() & {"maximum", "exclusiveMaximum"}, f"{name} has no upper bound"


COMPUTED = [m for m in EVERY if "brought" not in m.card.tags]


@cases(
    [
        m
        for m in COMPUTED
        if m.kind in ("evidence", "scores", "flags", "maps", "pruners", "queries", "students", "samplers")
    ]
)
def test_every_parameter_has_a_default(method):
    assert all(not field.is_required() for field in method.params.model_fields.values())


# -- how it behaves -------------------------------------------------------------------------------------------


@cases(PURE)
def test_reads_only_what_its_card_names(method):
    run(method, toy.view(needs=allowed(method), scores=SCORES))


@cases(PURE)
def test_leaves_its_inputs_as_they_were(method):
    given, untouched = toy.arrays(), toy.arrays()
    for value in given.values():
        for array in parts(value).values():
            array.flags.writeable = False  # as evidence read from disk is
    run(method, toy.view(scores=SCORES, **given))
    assert all(same(given[name], untouched[name]) for name in given)


@cases(PURE)
def test_same_seed_same_answer(method):
    with promise(method, "same seed, same answer"):
        assert same(answer(method), run(method, toy.view(scores=SCORES)))


@cases(PURE)
def test_global_random_state_is_neither_read_nor_written(method):
    np.random.seed(1)  # noqa: NPY002 - the state under test
    random.seed(1)
    before, pure_before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    run(method, toy.view(scores=SCORES))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert random.getstate() == pure_before


@cases(of("scores", "flags", "maps"))
def test_is_finite_and_one_per_item(method):
    made = answer(method)
    if method.kind == "maps":
        assert made.shape == (toy.N, 2)
        assert made.dtype == np.float32
        values = made
    elif method.kind == "flags":
        assert made.score.shape == made.flagged.shape == (toy.N,)
        assert made.flagged.dtype == bool
        values = made.score
    else:
        assert made.shape == (toy.N,)
        assert made.dtype == np.float64
        values = made
    assert np.isfinite(values).all()


@cases([m for m in of("scores", "flags") if not m.card.stochastic])
def test_row_order_does_not_matter(method):
    order = np.random.default_rng(5).permutation(toy.N)
    whole = parts(answer(method))
    moved = parts(run(method, toy.view(scores=SCORES).subset(order)))
    with promise(method, "row order does not matter"):
        for name, value in whole.items():
            there = moved[name]
            if name == "duplicate_of":  # speaks of positions: back to those of the whole
                there = np.where(there >= 0, order[there], -1)
            np.testing.assert_allclose(there, value[order], rtol=1e-6, atol=1e-9, err_msg=name)


@cases([m for m in of("scores", "flags") if "mislabel" in m.card.tags])
def test_planted_mistakes_score_above_clean_items(method):
    made = answer(method)
    score = made.score if isinstance(made, Flags) else made
    clean = np.delete(score, toy.MISTAKES)
    above = (score[toy.MISTAKES][:, None] > clean).mean()
    with promise(method, "planted mistakes score above clean items"):
        assert above > 0.9


@cases(PURE)
def test_says_something_useful_when_there_is_one_item(method):
    view = toy.view(scores=SCORES).subset(np.array([0]))
    try:
        made = run(method, view)
    except InputError:
        return  # one clear sentence; its words are the method's own tests' matter
    with promise(method, "one value per item"):
        assert all(len(value) == 1 for value in parts(made).values())


# -- awkward data ---------------------------------------------------------------------------------------------


def relabelled(change: Callable[[np.ndarray], np.ndarray]) -> View:
    return toy.view(scores=SCORES, labels=change(toy.arrays()["labels"]))


def embedded(change: Callable[[np.ndarray], np.ndarray], **more) -> View:
    x = change(toy.arrays()["embeddings"])
    return toy.view(scores=SCORES, embeddings=x, neighbours=toy.neighbours(x, toy.K), **more)


def every_row_twice() -> View:
    whole, rows = toy.arrays(), np.concatenate([np.arange(toy.N // 2)] * 2)
    doubled = {name: whole[name][rows] for name in ("labels", "probabilities", "in_fold")}
    return embedded(lambda x: x[rows], groups=rows, copies=rows, network=whole["network"].take(rows), **doubled)


SAME = np.zeros(toy.N, int)
AWKWARD: dict[str, Callable[[], View]] = {
    "one class": lambda: relabelled(np.zeros_like),
    "a class of one item": lambda: relabelled(lambda y: np.where(np.arange(toy.N) == 7, 2, np.minimum(y, 1))),
    "a class without items": lambda: relabelled(lambda y: np.minimum(y, 1)),
    "constant scores": lambda: toy.view(scores={name: np.zeros(toy.N) for name in SCORES}),
    "every row twice": every_row_twice,
    "zero embeddings": lambda: embedded(lambda x: np.where(np.arange(toy.N)[:, None] < toy.N // 2, 0, x)),
    "all rows equal": lambda: embedded(np.ones_like, groups=SAME, copies=SAME),
    "five rows": lambda: toy.view(scores=SCORES).subset(np.arange(5)),
}


@pytest.mark.filterwarnings("ignore:May not flag all label issues")
@pytest.mark.parametrize("case", AWKWARD)
@cases(PURE)
def test_awkward_data_gives_a_whole_answer_or_a_clear_sentence(method, case):
    view = AWKWARD[case]()
    try:
        made = run(method, view)
    except InputError:
        if case not in ("one class", "five rows") and not (case == "all rows equal" and trains(method)):
            raise  # everything else can be answered; of one item only, nobody can learn what he has not seen
        return
    for name, value in parts(made).items():
        if name != "distances":  # inf where padded
            assert np.isfinite(value).all(), name
    if method.kind in ("pruners", "queries"):
        check_selection(made, min(30, len(view)) if method.kind == "pruners" else len(made), len(view))


@cases([m for m in PURE if {"embeddings", "features", "labels"} & set(m.card.needs)])
def test_a_row_that_is_no_number_or_has_no_label_is_named_in_one_sentence(method):
    labels = toy.arrays()["labels"].copy()
    labels[[3, 4]] = -1
    broken = {"labels": (labels, "2 of 90 items have no label")}
    for need in ("embeddings", "features"):
        x = toy.arrays()[need].copy()
        x[7, 2] = np.nan
        broken[need] = (x, f"1 of 90 rows of the {need} hold NaN or infinity, the first is row 7")
    for need, (value, sentence) in broken.items():
        if need not in method.card.needs:
            continue
        refusal = ""
        try:
            run(method, toy.view(scores=SCORES, **{need: value}))
        except InputError as error:
            refusal = str(error)
        if refusal:
            assert sentence in refusal
        else:  # then it can do without
            assert method.kind != "queries"
            run(method, toy.view(scores=SCORES, needs=tuple(set(allowed(method)) - {need})))


# -- flags ----------------------------------------------------------------------------------------------------


@cases(of("flags"))
def test_a_flag_points_at_labels_and_rows_that_exist(method):
    made = answer(method)
    assert method.card.tags[0] in ("mislabel", "duplicate", "outlier")
    assert made.score.min() >= 0
    assert made.score.max() <= 1
    if made.suggested is not None:
        assert made.suggested[~made.flagged].max(initial=-1) == -1, "only flagged items get a suggestion"
        named = made.suggested >= 0
        assert (made.suggested[named] < toy.CLASSES).all()
        assert (made.suggested[named] != toy.arrays()["labels"][named]).all()
    if made.duplicate_of is not None:
        copies = np.flatnonzero(made.duplicate_of >= 0)
        assert (made.duplicate_of[made.duplicate_of[copies]] == -1).all(), "what is kept is nobody's copy"
        assert made.flagged[copies].all()


# -- pruners --------------------------------------------------------------------------------------------------


def check_selection(made, budget: int, n: int) -> None:
    rows = made.rows if isinstance(made, Selection) else made
    assert len(rows) == budget
    assert len(np.unique(rows)) == budget, "no repeats"
    assert rows.min(initial=0) >= 0
    assert rows.max(initial=0) < n
    assert np.issubdtype(rows.dtype, np.integer)
    if isinstance(made, Selection) and made.weights is not None:
        assert len(made.weights) == budget
        assert np.isfinite(made.weights).all()
        assert made.weights.min(initial=0) >= 0


@pytest.mark.parametrize("budget", [0, 1, 2, 31, toy.N - 1, toy.N])
@cases(of("pruners"))
def test_takes_exactly_the_budget_without_repeats(method, budget):
    check_selection(answer(method, budget), budget, toy.N)


@cases([m for m in of("pruners") if m.card.nested])
def test_a_smaller_budget_takes_a_prefix_of_a_larger_one(method):
    whole = parts(answer(method, toy.N))
    rows = whole.get("rows", whole.get("value"))
    for budget in (1, 2, 10, 45, 80, 89):
        part = parts(answer(method, budget))
        assert np.array_equal(part.get("rows", part.get("value")), rows[:budget])


# -- queries --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [0, 1, 2, 31, 60])
@cases(of("queries"))
def test_asks_for_exactly_the_budget_and_never_for_what_is_known(method, budget):
    made = answer(method, budget)
    check_selection(made, budget, toy.N)
    assert (made % 3 != 1).all(), "row 1 and every third after it have a label"


@cases(of("queries"))
def test_a_query_never_reads_the_labels(method):
    assert "labels" not in method.card.needs
