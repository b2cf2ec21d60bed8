"""Students that are given weights: a row of weight 2 is the row twice, a row of weight 0 is not there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import load_digits

from curation.data.view import View
from curation.engine import registry
from curation.errors import InputError
from curation.methods.students import cnn, convnet, head, logistic, mlp, module, module_embeddings
from curation.training import loop

TWICE = np.arange(0, 200, 3)


def digits(rows=slice(0, 200)) -> View:
    x, y = load_digits(return_X_y=True)
    return View.of(embeddings=x[rows].astype(np.float32), labels=y[rows], classes=[str(c) for c in range(10)])


@pytest.mark.parametrize("balanced", [False, True])
def test_the_logistic_student_takes_a_row_of_weight_two_for_the_row_twice(balanced):
    once, weights = digits(), np.ones(200)
    weights[TWICE] = 2
    twice = once.subset(np.concatenate([np.arange(200), TWICE]))
    # The penalty goes by the number of rows, and is the same for both here.
    weighted = logistic.train(once.weighted(weights), c=2 * len(twice) / 200, balanced=balanced)
    repeated = logistic.train(twice, c=2.0, balanced=balanced)
    says = [softmax(made.logits(once).astype(np.float64), axis=1) for made in (weighted, repeated)]
    np.testing.assert_allclose(says[0], says[1], atol=1e-6)
    plain = softmax(logistic.train(once, c=2.0, balanced=balanced).logits(once), axis=1)
    assert np.abs(plain - says[1]).max() > 0.01


def test_the_logistic_student_takes_a_row_of_weight_zero_for_none():
    weights = np.ones(200)
    weights[TWICE] = 0
    left = np.setdiff1d(np.arange(200), TWICE)
    some = logistic.train(digits().weighted(weights)).logits(digits())
    np.testing.assert_allclose(some, logistic.train(digits().subset(left)).logits(digits()), atol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loop_takes_a_row_of_weight_two_for_the_row_twice(smoothing):
    view, weights = digits(), np.ones(200)
    weights[TWICE] = 2
    twice = np.concatenate([np.arange(200), TWICE])
    nets = []
    for part in (view.weighted(weights), view.subset(twice)):
        torch.manual_seed(0)
        net = torch.nn.Linear(64, 10)
        loop.fit(
            net, loop.tensor(part.embeddings / 16, "cpu"), loop.tensor(part.labels, "cpu"),
            optimiser=torch.optim.SGD(net.parameters(), lr=1.0), epochs=20, batch=1000, seed=0, schedule=loop.cosine,
            smoothing=smoothing, weights=loop.item_weights(part, "cpu"),
        )  # fmt: skip
        nets.append(net.weight.detach().numpy())
    np.testing.assert_allclose(nets[0], nets[1], atol=1e-5)


CONFUSED = {
    "head": lambda view: head.train(view, seed=0, device="cpu", steps=60),
    "logistic": logistic.train,
    "cnn": lambda view: cnn.train(view, seed=0, device="cpu", width=4, steps=60),
    "convnet": lambda view: convnet.train(view, seed=0, device="cpu", width=8, steps=60, augment="none"),
    "mlp": lambda view: mlp.train(view, seed=0, device="cpu", steps=60),
    "module": lambda view: module.train(view, seed=0, device="cpu", path="tests.truth.test_weights:OnPixels", steps=60),
    "module_embeddings": lambda view: module_embeddings.train(
        view, seed=0, device="cpu", path="tests.truth.test_weights:OnEmbeddings", steps=60
    ),
}


@pytest.mark.parametrize("name", CONFUSED)
def test_a_student_believes_the_rows_that_have_the_weight(name):
    """Every item stands twice, the second time with the other label: whom to believe is the weights' alone."""
    rng = np.random.default_rng(0)
    truth = np.tile(np.arange(2), 16)
    pixels = rng.integers(0, 80, size=(32, 8, 8, 3), dtype=np.uint8)
    pixels[truth == 1] += 120
    x, y = np.concatenate([pixels, pixels]), np.concatenate([truth, 1 - truth])
    view = View.of(pixels=x, embeddings=x.reshape(64, -1).astype(np.float32), labels=y)
    for believed in (slice(0, 32), slice(32, 64)):
        weights = np.full(64, 0.01)
        weights[believed] = 5.0
        guess = CONFUSED[name](view.weighted(weights)).logits(view).argmax(axis=1)
        assert (guess[believed] == y[believed]).mean() > 0.9


def OnPixels(classes: int):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, classes))


def OnEmbeddings(classes: int):
    return torch.nn.Linear(192, classes)


def test_every_student_that_is_trained_by_the_loop_or_solved_is_held_to_its_weights():
    through_pixels = {"resnet18", "resnet50", "vit"}  # trained by the same function as cnn
    outside = {"command"}  # a trainer of one's own: Winnow cannot hold it to anything
    assert set(CONFUSED) | through_pixels | outside == set(registry.methods("students"))


def test_weights_have_mean_one_and_follow_the_rows():
    view = digits().weighted(np.arange(200.0))
    assert view.weights.mean() == pytest.approx(1)
    some = view.subset([10, 30])
    np.testing.assert_allclose(some.weights, [0.5, 1.5])
    assert some.relabelled(np.array([0, 1]), ["a", "b"]).weights is not None
    assert digits().weights is None


@pytest.mark.parametrize("weights", [np.zeros(200), np.ones(3), np.full(200, np.nan), -np.ones(200)])
def test_what_cannot_be_weights_is_refused(weights):
    with pytest.raises(InputError, match="weights of 200 rows"):
        digits().weighted(weights)
