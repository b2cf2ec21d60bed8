"""What every student promises, on the toy data, with a training as short as it may be."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest
from scipy.special import softmax

from curation.data.view import View
from curation.engine.registry import methods
from tests import toy, toy_files

STUDENTS = methods("students")
MEASURE = {name for name, method in STUDENTS.items() if "measures" in method.card.tags}  # answer with one number
every = pytest.mark.parametrize("name", sorted(STUDENTS.keys() - MEASURE))


class Heard:
    """A record that keeps what it is told."""

    def __init__(self):
        self.epochs, self.rows = [], []

    def batch(self, positions, logits):
        assert logits.shape == (len(positions), toy.CLASSES)
        self.rows += positions.tolist()

    def epoch(self, predict, weights=None):
        self.epochs.append((self.rows, predict(), weights and weights()))
        self.rows = []


def train(name: str, view: View, *, record=None):
    method = STUDENTS[name]
    offer = {"seed": 0, "device": "cpu", "record": record, "progress": lambda *a, **k: None}
    params = method.validated(toy_files.STUDENTS.get(name, {}), name)
    return method.call(view, **params, **{key: value for key, value in offer.items() if key in method.injected})


@cache
def trained(name: str):
    """A student of the toy data, which may read only what its card names; trained once for all that only look at it."""
    return train(name, toy.view(needs=STUDENTS[name].card.needs))


@cache
def recorded(name: str):
    """The same student, and what was heard of its training."""
    heard = Heard()
    return train(name, toy.view(), record=heard), heard


@every
def test_predicts_a_number_for_every_item_and_class_and_says_what_it_cost(name):
    view, made = toy.view(needs=STUDENTS[name].card.needs), trained(name)
    logits, features = made.logits(view), made.features(view)
    assert logits.shape == (toy.N, toy.CLASSES)
    assert logits.dtype == np.float32
    assert len(features) == toy.N
    assert np.isfinite(logits).all()
    assert np.isfinite(features).all()
    assert made.passes >= toy.N


@every
def test_same_seed_same_student_and_the_global_random_state_is_left_alone(name):
    import torch

    np.random.seed(1)  # noqa: NPY002 - the state under test
    random.seed(1)
    torch.manual_seed(1)
    before = np.random.get_state()[1].copy(), random.getstate(), torch.random.get_rng_state()  # noqa: NPY002
    view = toy.view()
    assert np.array_equal(train(name, view).logits(view), trained(name).logits(view))
    assert np.array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert random.getstate() == before[1]
    assert torch.equal(torch.random.get_rng_state(), before[2])


@every
def test_an_item_is_predicted_alike_alone_and_among_others(name):
    view, made = toy.view(), trained(name)
    alone = made.logits(view.subset(np.array([7])))
    np.testing.assert_allclose(alone, made.logits(view)[[7]], rtol=1e-3, atol=1e-3)


@every
def test_a_record_sees_every_row_once_an_epoch_and_changes_nothing(name):
    view = toy.view()
    made, heard = recorded(name)
    assert heard.epochs
    for rows, clean, _ in heard.epochs:
        assert sorted(rows) == list(range(toy.N))
        assert clean.shape == (toy.N, toy.CLASSES)
    np.testing.assert_array_equal(made.logits(view), trained(name).logits(view))
    np.testing.assert_allclose(heard.epochs[-1][1], made.logits(view), atol=1e-5)


@every
def test_what_was_recorded_comes_back_from_its_weights(name):
    view = toy.view()
    made, heard = recorded(name)
    weights = heard.epochs[-1][2]
    if weights is None:
        assert STUDENTS[name].network is None or name in ("module", "module_embeddings")
        return
    if STUDENTS[name].network is None:
        return  # a person's own network is never recorded to be differentiated
    params = STUDENTS[name].validated(toy_files.STUDENTS.get(name, {}), name)
    network = STUDENTS[name].network(view, weights[None], np.array([len(heard.epochs) - 1]), **params)
    inputs, rest = network.at(-1, "cpu")
    np.testing.assert_allclose(rest(inputs(np.arange(toy.N))).numpy(), made.logits(view), atol=1e-3)


@every
def test_weights_that_are_all_the_same_change_nothing_and_others_do(name):
    assert STUDENTS[name].card.weights, "verification weighs the rows that craig, gradmatch and bilevel take"
    view = toy.view()
    plain = trained(name).logits(view)
    np.testing.assert_allclose(
        train(name, view.weighted(np.full(toy.N, 5.0))).logits(view), plain, rtol=0.02, atol=0.02
    )
    rare = softmax(plain, axis=1).mean(axis=0).argmin()
    leaning = train(name, view.weighted(np.where(view.labels == rare, 20.0, 1.0))).logits(view)
    # Shares, not logits: a network that has hardly begun may have logits of any size.
    assert softmax(leaning, axis=1)[:, rare].mean() > softmax(plain, axis=1)[:, rare].mean()


@every
def test_a_class_without_a_row_keeps_its_place(name):
    rows = np.flatnonzero(toy.arrays()["labels"] != 1)
    part = toy.view().subset(rows)
    logits = train(name, part).logits(toy.view())
    assert logits.shape == (toy.N, toy.CLASSES)
    assert np.isfinite(logits).all()
