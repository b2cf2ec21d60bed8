"""What every condenser promises, on the toy data, with as little work as may be."""

from __future__ import annotations

import random

import numpy as np
import pytest

from curation.data.results import Condensed
from curation.data.view import View
from curation.engine.registry import methods
from curation.training.condensed import training_view
from curation.training.condensing import Watch
from tests import toy

CONDENSERS = methods("condensers")
QUICK = {
    "iterations": 3,
    "width": 4,
    "training": 2,
    "batch": 4,
    "networks": 2,
    "sample": 8,
    "steps": 2,
    "inner": 1,
    "matches": 2,
}
every = pytest.mark.parametrize("name", sorted(CONDENSERS))
SPACES = [
    (name, space)
    for name, method in CONDENSERS.items()
    for space in ("pixels", "embeddings")
    if "space" in method.params.model_fields or (space == "pixels") == ("pixels" in method.card.needs)
]
LONG = [name for name, method in CONDENSERS.items() if "watch" in method.injected]
long = pytest.mark.parametrize("name", LONG)


@pytest.fixture(autouse=True)
def hasty_experts(monkeypatch):
    monkeypatch.setattr("curation.training.experts.STEPS", 3)


def condense(
    name: str, per_class: int = 2, *, view: View | None = None, seed=0, watch=None, progress=None, **params
) -> Condensed:
    method = CONDENSERS[name]
    known = method.params.model_fields
    given = {key: value for key, value in QUICK.items() if key in known} | params
    if name == "embedding" and "method" not in given:
        given["method"] = "ridge"
    given = method.validated(given, name)
    needs = method.needs(**given) if method.needs else method.card.needs
    view = toy.view(needs=needs) if view is None else view
    offer = {"seed": seed, "device": "cpu", "watch": watch or Watch(), "progress": progress}
    return method.call(view, per_class, **given, **{k: v for k, v in offer.items() if k in method.injected})


@pytest.mark.parametrize(("name", "space"), SPACES)
def test_gives_as_many_items_of_every_class_as_were_asked_for(name, space):
    params = {"space": space} if "space" in CONDENSERS[name].params.model_fields else {}
    made = condense(name, **params)
    pairs = made.texts is not None
    assert made.space == space
    assert made.values.dtype == np.float32
    assert np.isfinite(made.values).all()
    assert len(made.values) == len(made.labels) == (2 if pairs else 2 * toy.CLASSES)
    if not pairs:
        assert np.bincount(made.labels).tolist() == [2] * toy.CLASSES
    if space == "pixels":
        assert made.values.min() >= 0
        assert made.values.max() <= 255
    if made.soft is not None:
        np.testing.assert_allclose(made.soft.sum(axis=1), 1, atol=1e-5)
    if name in LONG:
        assert len(made.history["loss"]) == QUICK["iterations"]
    if not pairs:
        assert len(training_view(made, [str(c) for c in range(toy.CLASSES)])) == len(made.labels) * made.parts**2


@every
def test_same_seed_same_bytes_and_the_global_random_state_is_left_alone(name):
    import torch

    first = condense(name, seed=3)  # and whatever it imports is imported
    np.random.seed(1)  # noqa: NPY002 - the state under test
    random.seed(1)
    torch.manual_seed(1)
    before = np.random.get_state()[1].copy(), random.getstate(), torch.random.get_rng_state()  # noqa: NPY002
    again, other = condense(name, seed=3), condense(name, seed=4)
    assert first.values.tobytes() == again.values.tobytes()
    assert first.values.tobytes() != other.values.tobytes() or name == "herding"  # which has nothing to draw
    assert np.array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert random.getstate() == before[1]
    assert torch.equal(torch.random.get_rng_state(), before[2])


@every
def test_classes_of_one_and_labels_that_are_all_wrong_are_condensed_and_said(name):
    labels = np.array([0] * 10 + [1] * (toy.N - 11) + [2])
    made = condense(name, 3, view=toy.view(labels=labels))
    if made.texts is None:
        assert np.bincount(made.labels).tolist() == [3, 3, 1]
        assert any("fewer than 3 items" in note for note in made.notes)


@long
def test_a_condensation_that_is_killed_goes_on_to_the_same_bytes(name, tmp_path):
    straight = condense(name)

    def killed(done, total, message=""):
        if "iteration 2" in message:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        condense(name, watch=Watch(tmp_path, every=0), progress=killed)
    watch = Watch(tmp_path, every=0)
    assert condense(name, watch=watch).values.tobytes() == straight.values.tobytes()
    assert watch.snapshots()[-1][0] == QUICK["iterations"]


@long
def test_a_loss_that_is_no_number_ends_it_with_the_last_good_set(name, monkeypatch):
    import torch

    real, asked = torch.autograd.grad, []

    def grad(outputs, inputs, *rest, **more):
        found = real(outputs, inputs, *rest, **more)
        if isinstance(inputs, list) and len(inputs) <= 3:
            asked.append(1)
            if len(asked) == 2:
                return tuple(x * float("nan") for x in found)
        return found

    monkeypatch.setattr("torch.autograd.grad", grad)
    made = condense(name)
    assert np.isfinite(made.values).all()
    assert any("no longer a number" in note for note in made.notes)
    assert len(made.history["loss"]) == 1


@long
def test_seconds_end_it_before_its_iterations_do(name):
    ticks = iter(np.arange(0, 1e6, 1.0))
    made = condense(name, watch=Watch(seconds=2.5, clock=lambda: next(ticks)), iterations=1000)
    assert len(made.history["loss"]) < 5
    assert any("seconds were over" in note for note in made.notes)


@pytest.mark.parametrize("name", [name for name, method in CONDENSERS.items() if "pixels" in method.card.needs])
def test_grey_images_stay_grey(name):
    grey = np.repeat(toy.arrays()["pixels"][..., :1], 3, axis=3)
    made = condense(name, view=toy.view(pixels=grey))
    assert made.grey
    assert (made.values[..., 0] == made.values[..., 2]).all()


@pytest.mark.parametrize("name", [name for name in LONG if "pixels" in CONDENSERS[name].card.needs])
def test_what_a_condensation_takes_is_known_before_it_starts(name):
    method = CONDENSERS[name]
    some, more = (method.validated({"iterations": n}, name) for n in (100, 300))
    assert (
        method.passes(1000, 1, 10, **some) < method.passes(1000, 10, 10, **some) < method.passes(1000, 10, 10, **more)
    )
    if "preset" in some:
        assert method.passes(1000, 10, 10, **some | {"preset": "paper"}) > 100 * method.passes(1000, 10, 10, **some)
