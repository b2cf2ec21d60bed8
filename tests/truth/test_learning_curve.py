"""The learning curve against planted laws, scipy's own fit, and the share of cases its bands hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from curation.errors import InputError
from curation.maths.fitting import learning_curve
from curation.maths.fitting.learning_curve import Curve, Refusal

SIZES = np.array([500, 1000, 2000, 4000, 8000])
WORKED = [0.27719, 0.22825, 0.18985, 0.15973, 0.13609]  # a = 2, b = .35, c = .05


def noisy(a, b, c, *, sizes=SIZES, seeds=3, noise=0.02, seed=0):
    rng = np.random.default_rng(seed)
    return [e * (1 + noise * rng.standard_normal(seeds)) for e in a * sizes**-b + c]


def test_the_worked_example_gives_back_its_law_and_its_predictions():
    exact = 2 * SIZES**-0.35 + 0.05
    np.testing.assert_allclose(exact, WORKED, atol=5e-6)
    curve = learning_curve.fit(SIZES, [[e] for e in exact])
    assert curve.b == pytest.approx(0.35, abs=0.001)
    assert curve.c == pytest.approx(0.05, abs=0.0005)
    assert curve.error(50_000) == pytest.approx(0.09533, abs=5e-5)
    assert curve.accuracy(50_000) == 1 - curve.error(50_000)
    assert curve.needed(0.10) == pytest.approx(37_785, abs=5)
    assert curve.value_of_next(8000) == pytest.approx(2 * (8000**-0.35 - 9000**-0.35), rel=1e-3)


@pytest.mark.parametrize(
    ("a", "b", "c"), [(1, 0.2, 0.0), (2, 0.5, 0.02), (6, 0.7, 0.1), (30, 1.2, 0.0), (0.9, 0.3, 0.05)]
)
def test_planted_parameters_are_recovered_without_noise(a, b, c):
    curve = learning_curve.fit(SIZES, [[e] * 3 for e in np.minimum(a * SIZES**-b + c, 1)])
    assert (curve.a, curve.b, curve.c) == pytest.approx((a, b, c), rel=1e-3, abs=1e-4)
    low, high = curve.band(16_000)
    assert low == pytest.approx(high, abs=1e-6)  # seeds that agree leave no doubt


@pytest.mark.parametrize("seed", range(6))
def test_with_noise_it_is_the_weighted_fit_scipy_finds(seed):
    from scipy.optimize import curve_fit

    errors = noisy(2, 0.5, 0.15, seeds=8, seed=seed)
    curve = learning_curve.fit(SIZES, errors)
    assert curve.c > 0  # AICc kept the floor, so scipy fits the same three parameters
    variance = np.array([e.var(ddof=1) for e in errors])
    common = np.mean(variance / curve.mean**2) * curve.mean**2
    sigma = np.sqrt((4 * common + 7 * variance) / 11 / 8)
    found, _ = curve_fit(
        lambda n, a, b, c: a * n**-b + c, SIZES, curve.mean, p0=(1, 0.4, 0.1), sigma=sigma, maxfev=20_000,
        bounds=([0, 0.01, 0], [np.inf, 2, 0.999 * curve.mean.min()]),
    )  # fmt: skip
    n = np.array([700, 8000, 40_000])
    np.testing.assert_allclose(curve.error(n), found[0] * n ** -found[1] + found[2], rtol=1e-3)


def test_a_law_without_a_floor_is_fitted_without_one():
    assert sum(learning_curve.fit(SIZES, noisy(2, 0.35, 0, seed=s), draws=2).c == 0 for s in range(20)) >= 15
    assert all(learning_curve.fit(SIZES, noisy(4, 0.5, 0.2, seed=s, seeds=5), draws=2).c > 0 for s in range(20))


def test_bands_hold_the_truth_about_as_often_as_they_say():
    held = {0.8: [], 0.95: []}
    n = np.array([1500, 16_000])
    for seed in range(60):
        curve = learning_curve.fit(SIZES, noisy(4, 0.5, 0.1, seed=seed), draws=100)
        for level, hits in held.items():
            low, high = curve.band(n, level)
            hits.append((low <= 4 * n**-0.5 + 0.1) & (4 * n**-0.5 + 0.1 <= high))
    assert 0.70 <= np.mean(held[0.8]) <= 0.90
    assert 0.88 <= np.mean(held[0.95]) <= 1.0


def test_bands_widen_with_distance_and_narrow_with_seeds():
    few, many = (learning_curve.fit(SIZES, noisy(4, 0.5, 0.1, seeds=s)) for s in (3, 30))

    def width(curve, n, level=0.95):
        low, high = curve.band(n, level)
        return high - low

    assert width(few, 80_000) > width(few, 16_000) > width(few, 3000)
    assert width(few, 16_000) > width(few, 16_000, 0.8)
    assert width(few, 16_000) > 1.5 * width(many, 16_000)


def test_draws_follow_the_generator_and_nothing_else():
    errors = noisy(2, 0.35, 0.05)
    first, again = (learning_curve.fit(SIZES, errors, rng=np.random.default_rng(3)) for _ in range(2))
    other = learning_curve.fit(SIZES, errors, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(first.draws, again.draws)
    assert first.draws.shape == (500, 3)
    assert (first.draws != other.draws).any()
    assert first.b == other.b


def test_one_seed_everywhere_has_a_curve_and_no_band():
    curve = learning_curve.fit(SIZES, [[e] for e in WORKED])
    assert np.isnan(curve.band(1000)).all()
    assert str(curve.multiplier(WORKED[1], 500)) == "2.00x (no band)"


def test_order_and_repeats_of_sizes_do_not_matter():
    errors = noisy(2, 0.35, 0.05, seeds=4)
    shuffled = [3, 0, 4, 1, 2]
    split_sizes = [*SIZES[shuffled], SIZES[2]]
    split = [*(errors[i] if i != 2 else errors[2][:3] for i in shuffled), errors[2][3:]]
    plain, mixed = learning_curve.fit(SIZES, errors), learning_curve.fit(split_sizes, split)
    assert (mixed.a, mixed.b, mixed.c) == pytest.approx((plain.a, plain.b, plain.c))


# -- a selection on the curve ------------------------------------------------------------------------------


def test_the_multiplier_counts_the_random_items_a_selection_is_worth():
    curve = learning_curve.fit(SIZES, noisy(2, 0.5, 0.05, seeds=5))
    error = curve.error(3000)
    made = curve.multiplier(error, 1000)
    assert curve.n_eff(error) == pytest.approx(3000)
    assert made.value == pytest.approx(3)
    assert made.low < 3 < made.high
    runs = error + np.array([-0.01, 0, 0.01])
    assert curve.multiplier(runs, 1000).value == pytest.approx(3)
    unsure = curve.multiplier(runs, 1000)
    assert unsure.high / unsure.low > made.high / made.low


def test_a_selection_below_the_floor_is_beyond_counting():
    curve = learning_curve.fit(SIZES, noisy(4, 0.5, 0.1, seeds=10, noise=0.01))
    assert 0.09 < curve.c < 0.11
    assert curve.needed(curve.c) == curve.n_eff(curve.c - 0.01) == np.inf
    assert str(curve.multiplier(curve.c - 0.01, 1000)) == "> max"
    assert str(curve.multiplier(curve.c + 0.002, 1000)).endswith("> max)")


def test_a_random_selection_is_worth_itself_about_as_often_as_the_band_says():
    held = []
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        curve = learning_curve.fit(SIZES, noisy(4, 0.5, 0.1, seed=seed), draws=100)
        runs = (4 * 1500**-0.5 + 0.1) * (1 + 0.02 * rng.standard_normal(3))
        made = curve.multiplier(runs, 1500, 0.95)
        held.append(made.low <= 1 <= made.high)
    assert np.mean(held) >= 0.88


# -- when there is none ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "errors", "words"),
    [
        (SIZES[:3], WORKED[:3], "at least 4 sizes and there are 3"),
        ([500, 500, 1000, 2000], WORKED[:4], "at least 4 sizes and there are 3"),
        (SIZES, [0.2, 0.21, 0.22, 0.23, 0.24], "does not fall"),
        (SIZES, [0.2, 0.2, 0.2, 0.2, 0.2], "does not fall"),
        (SIZES, 1e5 * SIZES**-2.4 + 0.1, "as steep as is allowed"),
        (SIZES, [0.4, 0.2, 0.4, 0.1, 0.2], "misses the measured errors by"),
        (SIZES, [0.3, 0.2, 0.1, 0.05, 0.0], "The error at 8,000 items is 0"),
    ],
)
def test_a_curve_that_cannot_be_trusted_is_refused_in_a_sentence(sizes, errors, words):
    refusal = learning_curve.fit(sizes, [[e] * 3 for e in errors])
    assert isinstance(refusal, Refusal)
    assert words in str(refusal)
    assert str(refusal).endswith(".")


def test_far_predictions_come_with_a_warning():
    curve = learning_curve.fit(SIZES, noisy(2, 0.35, 0.05))
    assert isinstance(curve, Curve)
    assert curve.warning(80_000) is None
    assert curve.warning(80_001).startswith("80,001 items are 10.0 times the largest size measured (8,000)")


@pytest.mark.parametrize(
    ("sizes", "errors", "words"),
    [
        ([1, 2], [[0.1]], "2 sizes and errors for 1"),
        ([0, 2, 3, 4], [[0.1]] * 4, "size of 0"),
        ([1, 2, 3, 4], [[0.1], [], [0.1], [0.1]], r"size 2 are \[\]"),
        ([1, 2, 3, 4], [[0.1], [0.1], [np.nan], [0.1]], r"size 3 are \[nan\]"),
        ([1, 2, 3, 4], [[0.1], [0.1], [0.1], [12.0]], r"size 4 are \[12.0\]"),
    ],
)
def test_what_is_no_error_rate_is_an_input_error(sizes, errors, words):
    with pytest.raises(InputError, match=words):
        learning_curve.fit(sizes, errors)
