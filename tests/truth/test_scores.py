"""Every score against the formula of its paper, written out slowly: one item, one epoch, one class at a time."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest

from curation.data.results import Dynamics
from curation.data.view import View
from curation.errors import InputError
from curation.methods.scores import (
    aum,
    aum_prob,
    cartography,
    dual,
    dyn_unc,
    el2n,
    entropy,
    forgetting,
    least_confidence,
    margin,
    tdds,
)

E, M, C = 14, 9, 4


def softmax(logits: list[float]) -> list[float]:
    powers = [math.exp(z - max(logits)) for z in logits]
    return [power / sum(powers) for power in powers]


def lead(values: list[float], label: int) -> float:
    return values[label] - max(v for c, v in enumerate(values) if c != label)


@pytest.fixture(scope="module")
def run():
    """(view, logits as nested lists, labels as a list)"""
    rng = np.random.default_rng(7)
    logits, labels = 2 * rng.normal(size=(E, M, C)), rng.integers(C, size=M)
    logits[0::2, 0, labels[0]], logits[1::2, 0, labels[0]] = 9, -9  # item 0 is right every other epoch
    logits[:, 1, labels[1]] = -9  # item 1 never
    logits[:, 2, labels[2]] = 9  # item 2 always
    view = View.of(labels=labels, dynamics=Dynamics(logits, "train", np.zeros((M, 1))), classes="abcd")
    return view, logits.tolist(), labels.tolist()


def each(function, logits, labels) -> list[float]:
    """function(logits of one item per epoch, its label) for every item."""
    return [function([epoch[i] for epoch in logits], labels[i]) for i in range(M)]


def confidences(epochs, label) -> list[float]:
    return [softmax(z)[label] for z in epochs]


@pytest.mark.parametrize(
    ("params", "epochs", "combine"),
    [
        ({}, range(10), statistics.fmean),
        ({"reduce": "sum"}, range(10), sum),
        ({"first": 3, "last": 6}, range(3, 6), statistics.fmean),
        ({"first": 3, "last": 6, "reduce": "last"}, [5], sum),
        ({"first": 12, "last": 99}, range(12, 14), statistics.fmean),
    ],
)
def test_el2n_is_the_norm_of_the_error_vector_over_the_chosen_epochs(run, params, epochs, combine):
    view, logits, labels = run

    def slow(item, label):
        return combine([math.dist(softmax(item[e]), [float(c == label) for c in range(C)]) for e in epochs])

    assert el2n.score(view, **params) == pytest.approx(each(slow, logits, labels))


def test_el2n_of_epochs_the_run_does_not_have_says_so(run):
    with pytest.raises(InputError, match="first = 14 and last = 20 in a recorded run of 14 epochs"):
        el2n.score(run[0], first=14, last=20)


def test_forgetting_counts_every_loss_of_a_right_answer(run):
    view, logits, labels = run

    def slow(item, label):
        right = [z.index(max(z)) == label for z in item]
        lost = sum(before and not after for before, after in itertools.pairwise(right))
        return lost if any(right) else E

    events = each(slow, logits, labels)
    assert events[:3] == [7, E, 0]
    assert np.floor(forgetting.score(view)).tolist() == events


def test_forgetting_breaks_ties_by_mean_confidence_and_never_reaches_the_next_count(run):
    view, logits, labels = run
    score = forgetting.score(view)
    doubt = each(lambda item, label: 1 - statistics.fmean(confidences(item, label)), logits, labels)
    assert score - np.floor(score) == pytest.approx(np.array(doubt) / 2)


def test_forgetting_can_give_never_learned_items_the_score_of_never_forgotten_ones(run):
    view, _, _ = run
    assert np.floor(forgetting.score(view, never_learned="zero"))[:3].tolist() == [7, 0, 0]


def test_an_undecided_item_is_not_right():
    flat = Dynamics(np.zeros((3, 1, 2)), "train", np.zeros((1, 1)))
    view = View.of(labels=np.array([0]), dynamics=flat, classes="ab")
    assert math.floor(forgetting.score(view)[0]) == 3
    assert cartography.score(view, measure="correctness").tolist() == [1.0]


@pytest.mark.parametrize("skip", [0, 1, 5])
def test_aum_is_minus_the_mean_logit_margin_after_the_skipped_epochs(run, skip):
    view, logits, labels = run
    slow = each(lambda item, label: -statistics.fmean(lead(z, label) for z in item[skip:]), logits, labels)
    assert aum.score(view, skip=skip) == pytest.approx(slow)


def test_aum_of_a_single_epoch_uses_it_although_the_first_is_skipped():
    view = View.of(labels=np.array([0]), dynamics=Dynamics(np.array([[[3.0, 1.0]]]), "train", np.zeros((1, 1))))
    assert aum.score(view).tolist() == [-2.0]


def test_aum_on_probabilities_is_minus_the_summed_margin_of_all_epochs(run):
    view, logits, labels = run
    slow = each(lambda item, label: -sum(lead(softmax(z), label) for z in item), logits, labels)
    assert aum_prob.score(view) == pytest.approx(slow)


@pytest.mark.parametrize(
    ("measure", "slow"),
    [
        ("confidence", lambda item, label: 1 - statistics.fmean(confidences(item, label))),
        ("variability", lambda item, label: statistics.pstdev(confidences(item, label))),
        ("correctness", lambda item, label: sum(z.index(max(z)) != label for z in item) / E),
    ],
)
def test_cartography_is_mean_spread_and_count_of_the_given_labels_probability(run, measure, slow):
    view, logits, labels = run
    assert cartography.score(view, measure=measure) == pytest.approx(each(slow, logits, labels))


@pytest.mark.parametrize(("window", "windows"), [(10, 4), (13, 1), (14, 1), (99, 1)])
def test_dyn_unc_is_the_mean_spread_of_all_windows_but_the_last(run, window, windows):
    view, logits, labels = run

    def slow(item, label):
        q = confidences(item, label)
        return statistics.fmean(statistics.stdev(q[k : k + window]) for k in range(windows))

    assert dyn_unc.score(view, window=window) == pytest.approx(each(slow, logits, labels))


@pytest.mark.parametrize(("epochs", "window"), [(30, 10), (12, 5), (4, 9)])
def test_dual_is_spread_times_doubt_over_all_windows_of_the_first_epochs(run, epochs, window):
    view, logits, labels = run

    def slow(item, label):
        q = confidences(item, label)[:epochs]
        parts = [q[k : k + window] for k in range(max(len(q) - window + 1, 1))]
        return statistics.fmean(statistics.stdev(p) * (1 - statistics.fmean(p)) for p in parts)

    assert dual.score(view, epochs=epochs, window=window) == pytest.approx(each(slow, logits, labels))


@pytest.mark.parametrize(("epochs", "window", "decay"), [(30, 10, 0.9), (12, 5, 0.5), (3, 3, 1.0)])
def test_tdds_is_the_decayed_sum_of_how_far_moves_are_from_their_mean(run, epochs, window, decay):
    view, logits, labels = run

    def slow(item, label):
        p = [softmax(z) for z in item[:epochs]]
        moves = [
            sum(abs(b * (math.log(b + 1e-8) - math.log(a + 1e-8))) for a, b in zip(before, after, strict=True))
            for before, after in itertools.pairwise(p)
        ]
        last = len(p) - window
        total = 0.0
        for k in range(last + 1):
            part = moves[k : k + window - 1]
            depth = math.sqrt(sum((move - statistics.fmean(part)) ** 2 for move in part))
            total += depth * decay * (1 - decay) ** (last - k)
        return total

    assert tdds.score(view, epochs=epochs, window=window, decay=decay) == pytest.approx(each(slow, logits, labels))


def test_uncertainty_scores_follow_their_formulas_and_take_impossible_classes():
    p = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    view = View.of(probabilities=p)
    slow = [-sum(v * math.log(v) for v in row if v > 0) for row in p.tolist()]
    assert entropy.score(view) == pytest.approx(slow)
    assert margin.score(view) == pytest.approx([0.5, 0.0, 1.0])
    assert least_confidence.score(view) == pytest.approx([0.3, 0.0, 2 / 3])


DYNAMIC = [aum, aum_prob, cartography, dual, dyn_unc, el2n, forgetting, tdds]


@pytest.mark.parametrize("method", DYNAMIC, ids=lambda m: m.__name__.rsplit(".")[-1])
def test_the_largest_logits_half_precision_can_hold_give_finite_scores(method):
    logits = np.where(np.random.default_rng(0).random((5, 4, 3)) < 0.5, -65504, 65504).astype(np.float16)
    view = View.of(labels=np.array([0, 1, 2, 0]), dynamics=Dynamics(logits, "train", np.zeros((4, 1))))
    score = method.score(view)
    assert score.dtype == np.float64
    assert np.isfinite(score).all()


@pytest.mark.parametrize("method", [dual, dyn_unc, tdds], ids=lambda m: m.__name__.rsplit(".")[-1])
def test_scores_of_change_refuse_a_run_of_one_epoch_in_words(method):
    view = View.of(labels=np.array([0, 1]), dynamics=Dynamics(np.zeros((1, 2, 2)), "train", np.zeros((2, 1))))
    with pytest.raises(InputError, match="needs a recorded run of at least"):
        method.score(view)
