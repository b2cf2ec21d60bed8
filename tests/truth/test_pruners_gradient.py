"""CRAIG, GradMatch, GLISTER and bilevel coresets against gradients that torch takes item by item, and plain loops."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from sklearn.linear_model import Ridge

from curation.data.results import Dynamics
from curation.data.view import View
from curation.errors import InputError
from curation.maths.gradients import last_layer
from curation.maths.selection.pursuit import pursue
from curation.methods.pruners import bilevel, craig, glister, gradmatch

N, C, H = 90, 4, 5


class Head:
    """A linear head at the end of a run: its weights, features and labels, and the logits it gives."""

    def __init__(self, n=N, seed=0, sure=1.0):
        rng = np.random.default_rng(seed)
        self.weight, self.bias = sure * rng.normal(size=(C, H)), sure * rng.normal(size=C)
        self.features = rng.normal(size=(n, H)).astype(np.float32)
        self.labels = rng.integers(C, size=n)
        self.logits = self.features.astype(np.float64) @ self.weight.T + self.bias
        run = Dynamics(np.stack([np.zeros_like(self.logits), self.logits]), "eval", self.features)
        self.view = View.of(labels=self.labels, dynamics=run, classes=[str(c) for c in range(C)])

    def gradients(self):
        """float64 [n, C * H + C], one gradient per item, by torch.func."""

        def loss(parameters, x, y):
            return torch.nn.functional.cross_entropy(x @ parameters["weight"].T + parameters["bias"], y)

        parameters = {"weight": torch.tensor(self.weight), "bias": torch.tensor(self.bias)}
        per_item = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
        made = per_item(parameters, torch.tensor(self.features).double(), torch.tensor(self.labels))
        return torch.cat([made["weight"].flatten(1), made["bias"]], dim=1).numpy()


def rng(seed=0):
    return np.random.default_rng(seed)


def brought_without_features(head):
    run = Dynamics(head.view.dynamics.logits, "eval", None)
    return View.of(labels=head.labels, dynamics=run, classes=head.view.classes)


# -- the algebra ----------------------------------------------------------------------------------------------


def test_products_and_sums_are_those_of_the_gradients_torch_takes():
    head = Head()
    g, made = head.gradients(), last_layer(head.view, "test")
    np.testing.assert_allclose(made.inner(np.arange(N), np.arange(N)), g @ g.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made.squared_lengths(), (g**2).sum(axis=1), rtol=1e-5)
    some, weights = np.array([3, 50, 7]), np.array([2.0, 0.5, 1.0])
    for rows, w in ((None, None), (some, None), (some, weights)):
        expected = (g if rows is None else g[rows] if w is None else g[rows] * w[:, None]).sum(axis=0)
        total = made.sum(rows, w)
        np.testing.assert_allclose(np.concatenate([total[:, :-1].ravel(), total[:, -1]]), expected, atol=1e-4)
        np.testing.assert_allclose(made.toward(total), g @ expected, rtol=1e-4, atol=1e-3)


def test_gradients_of_the_logits_are_the_errors():
    head = Head()
    z = torch.tensor(head.logits, requires_grad=True)
    torch.nn.functional.cross_entropy(z, torch.tensor(head.labels), reduction="sum").backward()
    made = last_layer(brought_without_features(head), "test", "logits")
    np.testing.assert_allclose(made.inner(np.arange(N), np.arange(N)), z.grad.numpy() @ z.grad.numpy().T, atol=1e-6)


@pytest.mark.parametrize("wide", [2, 30])  # either product first, whichever is the smaller
def test_the_product_with_a_sum_is_the_same_whichever_is_multiplied_first(wide):
    features = rng().normal(size=(20, wide))
    run = Dynamics(rng(1).normal(size=(1, 20, 6)), "eval", features)
    made = last_layer(View.of(labels=np.arange(20) % 6, dynamics=run), "test")
    target = rng(2).normal(size=(6, wide + 1)).astype(np.float32)
    expected = [np.sum(np.outer(a, h) * target) for a, h in zip(made.error, made.features, strict=True)]
    np.testing.assert_allclose(made.toward(target), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("select", "params"), [(craig.select, {"layer": "head"}), (gradmatch.select, {"rng": rng()}), (glister.select, {})]
)
def test_a_run_brought_without_features_is_refused_in_one_sentence(select, params):
    with pytest.raises(InputError, match=r"needs the features below the last layer.*store `features`"):
        select(brought_without_features(Head()), 10, **params)


def test_features_that_are_not_numbers_are_refused_in_one_sentence():
    head = Head()
    head.features[4, 2] = np.nan
    with pytest.raises(InputError, match=r"1 of 90 rows of the recorded features hold NaN.*the first is row 4"):
        glister.select(head.view, 10)


# -- CRAIG ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["head", "logits"])
def test_craig_shrinks_the_distances_of_every_class_most_and_weighs_by_clusters(layer):
    head = Head(sure=0.5)
    g = head.gradients() if layer == "head" else head.gradients()[:, -C:]
    chosen = craig.select(head.view, 20, layer=layer)
    weight = dict(zip(chosen.rows.tolist(), chosen.weights.tolist(), strict=True))
    quota = np.bincount(head.labels[chosen.rows], minlength=C)
    assert np.abs(quota - 20 * np.bincount(head.labels) / N).max() < 1
    for code in range(C):
        members = np.flatnonzero(head.labels == code)
        distance = np.sqrt(((g[members][:, None] - g[members][None]) ** 2).sum(axis=2))
        order = [members.tolist().index(row) for row in chosen.rows if head.labels[row] == code]
        for at, pick in enumerate(order):  # an isolated pair ties, whichever of them is taken
            left = [distance[:, [*order[:at], j]].min(axis=1).sum() for j in range(len(members))]
            assert left[pick] <= min(left) * (1 + 1e-5)
        sizes = np.bincount(distance[:, order].argmin(axis=1), minlength=len(order))
        assert [weight[row] for row in members[order]] == sizes.tolist()


@pytest.mark.parametrize("budget", [4, 13, 89, 90])
def test_weights_of_craig_add_up_to_the_size_of_every_class(budget):
    head = Head(seed=1)
    chosen = craig.select(head.view, budget)
    totals = np.bincount(head.labels[chosen.rows], weights=chosen.weights, minlength=C)
    assert totals.tolist() == np.bincount(head.labels).tolist()
    assert chosen.weights.min() >= 1


def test_craig_takes_the_same_when_distances_are_not_held():
    head = Head(seed=2)
    held, made = craig.select(head.view, 40), craig.select(head.view, 40, dense_up_to=1)
    assert held.rows.tolist() == made.rows.tolist()
    assert held.weights.tolist() == made.weights.tolist()


# -- GradMatch ------------------------------------------------------------------------------------------------


def plain_pursuit(g, budget, ridge):
    """Orthogonal matching pursuit by the book, with scipy's non-negative least squares for the weights."""
    target, picks = g.sum(axis=0), []
    weights = np.zeros(0)
    while len(picks) < budget:
        along = g @ (target - g[picks].T @ weights)
        along[picks] = -np.inf
        picks.append(int(along.argmax()))
        weights = best_weights(g[picks], target, ridge)
        picks, weights = [p for p, w in zip(picks, weights, strict=True) if w > 0], weights[weights > 0]
    return picks, weights


def best_weights(g, target, ridge):
    rows = np.vstack([g.T, np.sqrt(ridge) * np.eye(len(g))])
    return nnls(rows, np.concatenate([target, np.zeros(len(g))]))[0]


@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_pursuit_is_the_pursuit_of_the_book(ridge):
    for seed in range(5):
        head = Head(60, seed=seed)
        rows, weights = pursue(last_layer(head.view, "test"), 10, ridge)
        expected, theirs = plain_pursuit(head.gradients(), 10, ridge)
        assert rows.tolist() == expected
        np.testing.assert_allclose(weights, theirs, rtol=1e-3)


@pytest.mark.parametrize("budget", [1, 5, 15, 40])
@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_weights_are_the_best_that_are_not_negative_for_the_support(budget, ridge):
    for seed in range(5):
        head = Head(seed=10 + seed)
        g = head.gradients()
        rows, weights = pursue(last_layer(head.view, "test"), budget, ridge)
        assert weights.min() > 0
        np.testing.assert_allclose(weights, best_weights(g[rows], g.sum(axis=0), ridge), rtol=1e-3, atol=1e-3)


def test_a_larger_support_never_leaves_a_larger_gap():
    head = Head(seed=3)
    g = head.gradients()
    gaps = []
    for budget in range(1, 24):
        rows, weights = pursue(last_layer(head.view, "test"), budget)
        gaps.append(np.linalg.norm(g.sum(axis=0) - g[rows].T @ weights))
    assert (np.diff(gaps) <= 1e-4).all()
    assert gaps[-1] < 1e-3 * gaps[0], "24 gradients span the whole of [C, h + 1]"


def test_gradmatch_matches_the_gradient_of_every_class():
    head = Head(seed=4)
    g = head.gradients()
    chosen = gradmatch.select(head.view, 40, rng=rng())
    for code in range(C):
        own = head.labels[chosen.rows] == code
        full = g[head.labels == code].sum(axis=0)
        expected = best_weights(g[chosen.rows[own]], full, 0.0)
        np.testing.assert_allclose(chosen.weights[own], expected, rtol=1e-3)
        drawn = [rng(i).permutation(np.flatnonzero(head.labels == code))[: own.sum()] for i in range(20)]
        by_chance = [np.linalg.norm(g[rows].T @ best_weights(g[rows], full, 0.0) - full) for rows in drawn]
        assert np.linalg.norm(g[chosen.rows[own]].T @ chosen.weights[own] - full) < np.median(by_chance)


def test_what_is_left_of_the_budget_when_the_gap_is_closed_is_drawn_with_weight_one():
    head = Head(seed=5)
    drawn = [gradmatch.select(head.view, 80, rng=rng(seed), per_class=False) for seed in (0, 1)]
    matched = len(pursue(last_layer(head.view, "test"), 80)[0])
    assert matched <= C * (H + 1)
    for chosen in drawn:
        assert len(set(chosen.rows.tolist())) == 80
        assert (chosen.weights[matched:] == 1).all()
    assert drawn[0].rows[:matched].tolist() == drawn[1].rows[:matched].tolist()
    assert set(drawn[0].rows.tolist()) != set(drawn[1].rows.tolist())


# -- GLISTER --------------------------------------------------------------------------------------------------


def plain_glister(head, budget, rounds, step):
    """The loss on all items after a step along the picks, differentiated by torch."""
    g = head.gradients()
    length = (1 + (head.features.astype(np.float64) ** 2).sum(axis=1)).mean()
    theta = np.concatenate([head.weight.ravel(), head.bias])
    x, y, picks = torch.tensor(head.features).double(), torch.tensor(head.labels), []
    for size in [len(part) for part in np.array_split(np.arange(budget), rounds)]:
        moved = torch.tensor(theta - step / (budget * length) * g[picks].sum(axis=0), requires_grad=True)
        logits = x @ moved[: C * H].reshape(C, H).T + moved[C * H :]
        torch.nn.functional.cross_entropy(logits, y).backward()
        gain = g @ moved.grad.numpy()
        gain[picks] = -np.inf
        picks += np.argsort(-gain)[:size].tolist()
    return picks


@pytest.mark.parametrize(("rounds", "step"), [(1, 1.0), (6, 1.0), (6, 20.0), (30, 5.0)])
def test_glister_takes_what_lowers_the_loss_after_a_real_step(rounds, step):
    for seed in range(3):
        head = Head(seed=20 + seed)
        expected = plain_glister(head, 30, rounds, step)
        assert glister.select(head.view, 30, rounds=rounds, step=step).tolist() == expected


def test_what_glister_has_taken_changes_what_it_takes_next():
    head = Head(seed=6)
    assert set(glister.select(head.view, 30, rounds=30, step=20.0)) != set(glister.select(head.view, 30, rounds=1))


# -- bilevel --------------------------------------------------------------------------------------------------


def table(n=60, d=6, seed=0):
    x = rng(seed).normal(size=(n, d)).astype(np.float32)
    labels = (x @ rng(seed + 1).normal(size=(d, 3))).argmax(axis=1)
    return View.of(embeddings=x, labels=labels, classes=list("abc"))


def loss_of_training_on(view, weights, ridge):
    """Mean squared error on all rows of scikit-learn's ridge regression with these weights."""
    x = view.embeddings.astype(np.float64)
    x = x - x.mean(axis=0)
    x = np.column_stack([x / np.linalg.norm(x, axis=1, keepdims=True), np.ones(len(x))])
    y = np.eye(3)[view.labels]
    if not weights.any():
        return (y**2).sum(axis=1).mean()
    model = Ridge(alpha=ridge, fit_intercept=False, solver="cholesky").fit(x, y, sample_weight=weights)
    return ((model.predict(x) - y) ** 2).sum(axis=1).mean()


def test_every_pick_is_the_one_whose_weight_lowers_the_loss_fastest():
    view = table()
    chosen = bilevel.select(view, 12, rng=rng(), candidates=60, reweight_up_to=0)
    weights = np.zeros(60)
    for row in chosen.rows:
        now, slope = loss_of_training_on(view, weights, 0.1), np.full(60, np.inf)
        for j in np.flatnonzero(weights == 0):
            slope[j] = (loss_of_training_on(view, weights + 1e-5 * np.eye(60)[j], 0.1) - now) / 1e-5
        assert slope[row] <= slope.min() + 1e-4 * abs(slope.min())
        weights[row] = 1


def test_better_weights_lower_the_loss_on_all_rows():
    view = table(seed=7)
    plain, better = (bilevel.select(view, 10, rng=rng(), candidates=60, reweight_up_to=limit) for limit in (0, 10))
    assert (plain.weights == 1).all()
    tried = np.zeros((3, 60))
    tried[0, plain.rows], tried[1, better.rows], tried[2, better.rows] = 1, better.weights, 1
    with_plain, with_better, with_ones = (loss_of_training_on(view, w, 0.1) for w in tried)
    assert with_better < with_ones
    assert with_better < with_plain


def test_beyond_the_limit_the_same_criterion_goes_on_with_weights_of_one():
    view = table(seed=8)
    chosen = bilevel.select(view, 20, rng=rng(), candidates=60, reweight_up_to=8)
    assert (chosen.weights[8:] == 1).all()
    weights = np.zeros(60)
    weights[chosen.rows[:8]] = chosen.weights[:8]
    for row in chosen.rows[8:]:
        now, slope = loss_of_training_on(view, weights, 0.1), np.full(60, np.inf)
        for j in np.setdiff1d(np.arange(60), np.append(chosen.rows[:8], np.flatnonzero(weights))):
            slope[j] = (loss_of_training_on(view, weights + 1e-5 * np.eye(60)[j], 0.1) - now) / 1e-5
        assert slope[row] <= slope.min() + 1e-4 * abs(slope.min())
        weights[row] = 1


def test_a_few_well_chosen_rows_teach_more_than_as_many_random_ones():
    view = table(200, seed=9)
    chosen = bilevel.select(view, 12, rng=rng(), candidates=200)
    own = np.zeros(200)
    own[chosen.rows] = chosen.weights
    random = []
    for seed in range(20):
        weights = np.zeros(200)
        weights[rng(seed).permutation(200)[:12]] = 1
        random.append(loss_of_training_on(view, weights, 0.1))
    assert loss_of_training_on(view, own, 0.1) < min(random)
