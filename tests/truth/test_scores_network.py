"""Scores that differentiate a network, against closed forms, plain loops and double backpropagation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from curation.data.results import Dynamics
from curation.data.view import View
from curation.errors import InputError
from curation.methods.scores import grand, grand_full, loss_curvature, vog
from curation.methods.students import cnn, head
from curation.training import input_gradients
from curation.training.input_gradients import signs
from curation.training.record import RunRecord
from tests import toy


def recorded(student, view: View, **params) -> View:
    """The view again, with the network and dynamics of a short recorded run."""
    run = RunRecord(len(view), len(view.classes), "eval")
    finished = student.train(view, seed=0, device="cpu", record=run, **params)
    weights, kept = run.checkpoints
    given = {name: getattr(view, name) for name in ("embeddings", "pixels") if name in view._provide}
    return View.of(
        labels=view.labels,
        classes=view.classes,
        network=student.network(view, weights, kept, **params),
        dynamics=Dynamics(run.logits, "eval", finished.features(view), weights, kept),
        **given,
    )


@pytest.fixture(scope="module")
def linear() -> View:
    return recorded(head, View.of(embeddings=toy.arrays()["embeddings"], labels=toy.arrays()["labels"]), epochs=20)


@pytest.fixture(scope="module")
def hidden() -> View:
    view = View.of(embeddings=toy.arrays()["embeddings"], labels=toy.arrays()["labels"])
    return recorded(head, view, epochs=20, hidden=5)


@pytest.fixture(scope="module")
def images() -> View:
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 2
    pixels = rng.integers(0, 60, size=(24, 8, 8, 3), dtype=np.uint8)
    pixels[labels == 1, :, 3] = 255
    labels[:3] = 1 - labels[:3]
    return recorded(cnn, View.of(pixels=pixels, labels=labels), width=4, batch=8, epochs=4)


def softmax_regression(view: View, checkpoint: int):
    """(standardised inputs float64 [m, d], W [C, d], p [m, C]) of a head without a hidden layer."""
    inputs, logits_of = view.network.at(checkpoint, "cpu")
    x = inputs(np.arange(len(view)))
    w = logits_of[-1].weight.double().numpy()
    return x.double().numpy(), w, toy.softmax(logits_of(x).double().numpy())


def one_by_one(view: View, checkpoint: int) -> list[float]:
    """Length of every item's gradient in all weights, by one backward pass per item."""
    inputs, logits_of = view.network.at(checkpoint, "cpu")
    logits_of.requires_grad_(True)
    lengths = []
    for i, label in enumerate(view.labels.tolist()):
        logits_of.zero_grad()
        cross_entropy(logits_of(inputs(np.array([i]))), torch.tensor([label])).backward()
        lengths.append(np.sqrt(sum(float(w.grad.double().square().sum()) for w in logits_of.parameters())))
    return lengths


@pytest.mark.parametrize("data", ["linear", "hidden", "images"])
def test_grand_over_all_layers_is_the_length_of_each_items_own_gradient(data, request):
    view = request.getfixturevalue(data)
    for choice, checkpoint in (("first", 0), ("last", -1)):
        made = grand_full.score(view, checkpoints=choice)
        np.testing.assert_allclose(made, one_by_one(view, checkpoint), rtol=1e-3, atol=1e-6)
    each = [one_by_one(view, checkpoint) for checkpoint in range(view.network.checkpoints)]
    np.testing.assert_allclose(grand_full.score(view, checkpoints="mean"), np.mean(each, axis=0), rtol=1e-3, atol=1e-6)


def test_grand_of_the_last_layer_is_grand_of_all_layers_where_there_is_no_other(linear):
    # Features of a head without a hidden layer are its standardised inputs; logits are stored in half precision.
    np.testing.assert_allclose(grand.score(linear), one_by_one(linear, -1), rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize("bias", [True, False])
def test_grand_is_the_length_of_the_outer_product_of_error_and_features(images, bias):
    p = toy.softmax(images.dynamics.logits[2].astype(np.float64))
    made = grand.score(images, epoch=2, bias=bias)
    for i, label in enumerate(images.labels):
        error = p[i] - np.eye(2)[label]
        h = np.append(images.dynamics.features[i], 1.0) if bias else images.dynamics.features[i]
        assert made[i] == pytest.approx(np.linalg.norm(np.outer(error, h)), rel=1e-5)


def test_grand_says_what_is_missing(images):
    with pytest.raises(InputError, match="use el2n"):
        grand.score(View.of(labels=images.labels, dynamics=replace(images.dynamics, features=None)))
    with pytest.raises(InputError, match="epoch = 999"):
        grand.score(images, epoch=999)


def test_the_squared_curvature_of_softmax_regression_is_the_trace_of_its_squared_hessian(linear):
    _, w, p = softmax_regression(linear, -1)
    trace = []
    for q in p:
        hessian = w.T @ (np.diag(q) - np.outer(q, q)) @ w
        trace.append(np.trace(hessian @ hessian))
    made = loss_curvature.score(linear, rng=np.random.default_rng(0), squared=True, directions=1000, h=1e-2)
    np.testing.assert_allclose(made, trace, rtol=0.15, atol=1e-3 * max(trace))
    assert np.corrcoef(made, trace)[0, 1] > 0.99


@pytest.mark.parametrize("data", ["linear", "hidden", "images"])
def test_curvature_is_how_far_the_gradient_moves_along_random_signs(data, request):
    """Against one item and one direction at a time, in double precision, and against the exact product H v.

    The signs are read off a second generator of the same seed."""
    view = request.getfixturevalue(data)
    inputs, logits_of = view.network.at(-1, "cpu")
    x, labels, h = inputs(np.arange(len(view))).double(), torch.tensor(view.labels), 1e-3
    logits_of, rng = logits_of.double(), np.random.default_rng(5)
    stepped, exact = np.zeros((3, len(view))), np.zeros((3, len(view)))
    for r in range(3):
        v = signs(x, rng)
        for i in range(len(view)):

            def slope(at, i=i, **more):
                at = at.clone().requires_grad_()
                return at, torch.autograd.grad(cross_entropy(logits_of(at), labels[i : i + 1]), at, **more)[0]

            there, here = slope(x[i : i + 1] + h * v[i])[1], slope(x[i : i + 1])[1]
            stepped[r, i] = float((there - here).norm()) / h
            at, gradient = slope(x[i : i + 1], create_graph=True)
            exact[r, i] = float(torch.autograd.grad((gradient * v[i]).sum(), at)[0].norm())
    made = loss_curvature.score(view, rng=np.random.default_rng(5), directions=3)
    np.testing.assert_allclose(made, stepped.mean(axis=0), rtol=0.02, atol=2e-3)
    # A step over the corner of a ReLU, or to another maximum, meets another piece of the function than H knows.
    near = np.isclose(made, exact.mean(axis=0), rtol=0.05, atol=5e-3)
    assert near.mean() > {"linear": 0.99, "hidden": 0.8, "images": 0.5}[data]


def test_curvature_of_every_checkpoint_is_averaged(hidden):
    """The same signs are drawn for a network of one checkpoint as for the first of several."""
    network = hidden.network

    def of(*which):
        part = replace(network, weights=network.weights[list(which)], epochs=network.epochs[list(which)])
        view = View.of(labels=hidden.labels, network=part)
        return loss_curvature.score(view, rng=np.random.default_rng(1), directions=1000, checkpoints="mean")

    np.testing.assert_allclose(of(0, 2), (of(0) + of(2)) / 2, rtol=0.1, atol=1e-3)


def test_signs_are_plus_and_minus_one_in_equal_number():
    drawn = signs(torch.zeros(1001, 7), np.random.default_rng(0))
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    assert abs(float(drawn.mean())) < 0.05


def gradients_one_by_one(view: View, codes) -> np.ndarray:
    """float64 [K, m, ...] of the logit of `codes`, by one backward pass per item and checkpoint."""
    made = []
    for checkpoint in range(view.network.checkpoints):
        inputs, logits_of = view.network.at(checkpoint, "cpu")
        rows = []
        for i, code in enumerate(codes):
            x = inputs(np.array([i])).requires_grad_()
            logits_of(x)[0, code].backward()
            rows.append(x.grad[0].double().numpy())
        made.append(rows)
    return np.array(made)


@pytest.mark.parametrize("of", ["given", "predicted"])
@pytest.mark.parametrize("data", ["hidden", "images"])
def test_vog_is_the_deviation_of_the_gradient_over_checkpoints(data, of, request):
    view = request.getfixturevalue(data)
    inputs, logits_of = view.network.at(-1, "cpu")
    guess = logits_of(inputs(np.arange(len(view)))).argmax(dim=1).numpy()
    codes = view.labels if of == "given" else guess
    gradients = gradients_one_by_one(view, codes)
    if data == "images":
        gradients = gradients.mean(axis=-1)  # over colours
    spread = gradients.std(axis=0).reshape(len(view), -1).mean(axis=1)
    np.testing.assert_allclose(vog.score(view, of=of, within_class=False), spread, rtol=1e-3, atol=1e-7)
    expected = [(s - spread[codes == c].mean()) / spread[codes == c].std() for s, c in zip(spread, codes, strict=True)]
    np.testing.assert_allclose(vog.score(view, of=of), expected, atol=2e-3)


def test_vog_of_a_linear_student_says_nothing_about_any_item(linear):
    assert (vog.score(linear) == 0).all()
    assert len(np.unique(vog.score(linear, within_class=False).round(6))) == toy.CLASSES


def test_vog_of_one_checkpoint_says_so(linear):
    one = replace(linear.network, weights=linear.network.weights[-1:], epochs=linear.network.epochs[-1:])
    with pytest.raises(InputError, match="kept one"):
        vog.score(View.of(labels=linear.labels, network=one))


@pytest.mark.parametrize("method", [grand_full, loss_curvature, vog], ids=lambda m: m.__name__.rsplit(".")[-1])
def test_blocks_do_not_show(method, hidden, monkeypatch):
    more = {"rng": np.random.default_rng(0), "directions": 300} if method is loss_curvature else {}
    whole = method.score(hidden, **more)
    monkeypatch.setattr(input_gradients, "_NUMBERS", 7 * 6)
    monkeypatch.setattr(grand_full, "_NUMBERS", 7 * 53)
    parts = method.score(hidden, **more | ({"rng": np.random.default_rng(0)} if more else {}))
    np.testing.assert_allclose(parts, whole, rtol=0.2 if method is loss_curvature else 1e-4, atol=1e-6)
