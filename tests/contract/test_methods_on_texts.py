"""What reads embeddings and labels works on texts as it does on images: nothing in it knows the difference."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from curation.data.workspace import Workspace
from curation.engine import registry
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.registry import methods
from curation.engine.run import run
from curation.errors import InputError

WORDS = {"card": "card lost stolen broken new order chip", "money": "refund transfer balance fee cash pay bank"}
SMALL = {"encode": {"use": "lsa", "dim": 16}}
ONE_RUN = {"keeps": [0.5], "seeds": 1, "epochs": 2}
CHEAP = {"dynamics": {"epochs": 3}, "factors": {"steps": 20}}


def reads(method) -> set[str]:
    """All it needs, what its evidence and students need included."""
    found, queue = set(), list(method.card.needs)
    while queue:
        need = queue.pop()
        if need not in found:
            found.add(need)
            if gathered := registry.evidence().get(need):
                queue += methods("evidence")[gathered].card.needs
    return found


def fits(method) -> bool:
    """Whether a set of texts with labels has what it reads, and no file of a person's own is asked for.

    importance goes by dsir, which asks for one.
    """
    lacking = {"images", "pixels", "features", "class_embeddings", "text_embeddings", "chats", "responses", "column"}
    required = any(field.is_required() for field in method.params.model_fields.values())
    return not (reads(method) & lacking) and not required and method.id != "importance" and method.unavailable() is None


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """120 texts of two classes, 20 of them without a label and 20 held out; two are copies."""
    folder, rng = tmp_path_factory.mktemp("texts"), np.random.default_rng(0)
    with (folder / "t.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["text", "category"])
        rows = []
        for i in range(120):
            label = "card" if i % 2 else "money"
            said = " ".join([*rng.choice(WORDS[label].split(), 4), *rng.choice(["the", "my", "a", "is", "i", "to"], 4)])
            rows.append((said, label))
        rows[5] = rows[3]
        out.writerows(rows[:100])
        out.writerows((said, "") for said, _ in rows[100:])  # nobody has looked at these
    return folder


def sections() -> dict[str, dict]:
    """Kind -> what a recipe says to have every method of it."""
    chosen = {kind: [m.id for m in methods(kind).values() if fits(m)] for kind in registry.kinds()}
    assert len(chosen["scores"]) >= 12
    assert len(chosen["flags"]) >= 8
    assert len(chosen["pruners"]) >= 20
    assert len(chosen["queries"]) >= 10
    assert {"head", "logistic"} <= set(chosen["students"])
    return {
        "scores": {"score": [{"use": name} for name in chosen["scores"]]},
        "flags": {"flag": [{"use": name} for name in chosen["flags"]]},
        "pruners": {"prune": [{"use": name, "keep": 0.5} for name in chosen["pruners"]]},
        "queries": {"grow": {"use": "badge", "batch": 4}},
        "students": {
            "prune": [{"use": "random", "name": "some", "keep": 0.5}],
            "verify": {"use": "logistic", "seeds": 1},
        },
        "samplers": {"schedule": {"use": chosen["samplers"][0], "others": chosen["samplers"][1:], **ONE_RUN}},
    }


@pytest.mark.parametrize("kind", ["scores", "flags", "pruners", "queries", "students", "samplers"])
def test_every_method_that_reads_embeddings_and_labels_works_on_texts(project, kind):
    source = {"use": "table", "path": str(project / "t.csv"), "text": "text", "label": "category"}
    recipe = parse_recipe({"source": source, "encode": SMALL["encode"], "evidence": CHEAP, **sections()[kind]})
    assert not run(recipe, project / "w", device="cpu").failed
    planned = plan(recipe, Workspace(project / "w"))
    assert all(planned.done(step) for step in planned.steps)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """80 texts with none, one or two labels each, and the project they are read into."""
    folder, rng = tmp_path_factory.mktemp("several"), np.random.default_rng(1)
    with (folder / "t.jsonl").open("w") as file:
        for _ in range(80):
            classes = [name for name in WORDS if rng.random() < 0.6]
            said = " ".join([*rng.choice(" ".join(WORDS.values()).split(), 5), "please"])
            file.write(json.dumps({"text": said, "label": classes}) + "\n")
    return folder


@pytest.mark.parametrize(
    ("kind", "free"),
    [
        ("scores", {"prototype_distance", "sae_rare"}),
        ("flags", {"duplicates", "near_duplicates", "outliers", "text_quality"}),
        ("pruners", {"random", "k_center", "herding", "facility_location", "semdedup"}),
    ],
)
def test_of_texts_with_several_labels_what_reads_one_label_says_so_and_the_rest_works(several, kind, free):
    source = {"use": "table", "path": str(several / "t.jsonl"), "text": "text", "label": "label"}
    [(section, chosen)] = sections()[kind].items()
    worked, said = set(), {}
    for one in chosen:
        recipe = parse_recipe({"source": source, "encode": SMALL["encode"], section: [one]})
        try:
            assert not run(recipe, several / "w", device="cpu").failed
            worked.add(one["use"])
        except InputError as error:
            said[one["use"]] = str(error)
    assert worked >= free
    assert [use for use, words in said.items() if "one label per item and these items have several" not in words] == []
