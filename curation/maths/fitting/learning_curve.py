"""The learning curve: error against the number of training items, and what can be read off it.

The law err(n) = a n^-b + c is fitted to random subsets of several sizes (maths/fitting/power_law.py) and again to
each of 500 bootstrap draws of the seeds, choice of the law included: that gives the bands. A curve that should not be
trusted is not drawn: `fit` then returns a sentence.

Differs: with three seeds a size's own spread is too rough to weigh it by, and three values are too few to draw from.
So the spread is shrunk toward the one common to all sizes (relative to the error), and the draws take deviations from
all sizes, in units of spread, widened as a t distribution is. Measured on planted curves with 3 seeds, 95 % bands
held the truth in 90 to 94 of 100 cases so, and in 66 to 87 without.

Blind to: a set that changes its nature as it grows, a student that changes with n, and the finite test set, which
all runs share.

Hestness et al., "Deep learning scaling is predictable, empirically", arXiv 1712.00409, 2017. Rosenfeld, Rosenfeld,
Belinkov, Shavit, "A constructive prediction of the generalization error across scales", ICLR 2020. Shrunk spreads:
Smyth, "Linear models and empirical Bayes methods", Stat. Appl. Genet. Mol. Biol. 3, 2004.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from curation.errors import InputError
from curation.maths.fitting.power_law import B_HIGH, B_LOW, fits, inverse, law

SIZES = 4  # fewer cannot tell a law from a line
REACH = 10  # times the largest size; beyond that a prediction comes with a warning
RESIDUAL = 0.10  # relative, root mean square over the sizes

_PRIOR = 4  # degrees of freedom the sizes lend each other when the spread of one is estimated


@dataclass(frozen=True)
class Refusal:
    """No curve, and why, in a sentence."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class Multiplier:
    """How many random items one selected item is worth; inf where the selection beats the curve's floor."""

    value: float
    low: float
    high: float
    level: float

    def __str__(self) -> str:
        """In words, beside its band.

        >>> str(Multiplier(1.84, 1.5, 2.2, 0.95)), str(Multiplier(2.0, 1.5, np.inf, 0.95))
        ('1.84x (1.50 to 2.20)', '2.00x (1.50 to > max)')
        """
        if np.isinf(self.value):
            return "> max"
        low, high = (f"{v:,.0f}" if v >= 100 else f"{v:.2f}" for v in (self.low, self.high))
        band = "no band" if np.isnan(self.low) else f"{low} to {'> max' if np.isinf(self.high) else high}"
        return f"{self.value:.2f}x ({band})" if self.value < 100 else f"{self.value:,.0f}x ({band})"


@dataclass(frozen=True)
class Curve:
    """err(n) = a n^-b + c. sizes, mean, sd, seeds: [k], what it was fitted on; residual: relative, root mean square.

    draws: float64 [B, 3], (a, b, c) of each bootstrap fit; no rows when no size has two seeds, and then bands are NaN.
    """

    a: float
    b: float
    c: float
    sizes: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    seeds: np.ndarray
    residual: float
    draws: np.ndarray = field(repr=False)

    def error(self, n):
        """Predicted test error of a student trained on n random items; n a number or an array."""
        return law(self.a, self.b, self.c, np.asarray(n, np.float64))[()]

    def accuracy(self, n):
        return 1.0 - self.error(n)

    def band(self, n, level: float = 0.95):
        """(low, high) of the error at n: the middle `level` of the bootstrap fits. For the curve, not for one run."""
        n = np.asarray(n, np.float64)
        return _middle(law(*self.draws.T.reshape(3, -1, *[1] * n.ndim), n), level)

    def needed(self, error: float) -> float:
        """Random items at which the curve reaches `error`; inf at or below its floor c."""
        return float(inverse(self.a, self.b, self.c, error))

    def value_of_next(self, n: float, more: int = 1000) -> float:
        """How far the error falls from n to n + more random items."""
        return float(self.error(n) - self.error(n + more))

    def n_eff(self, error) -> float:
        """Random items worth as much as a selection of this error (a number, or one per seed)."""
        return self.needed(float(np.mean(error)))

    def multiplier(self, error, n: float, level: float = 0.95, rng: np.random.Generator | None = None) -> Multiplier:
        """n_eff / n for a selection of n items with this error (a number, or one per seed): above 1 beats random.

        The band holds the doubt about the curve and, where seeds are given, about the selection's own mean.
        """
        rng = np.random.default_rng(0) if rng is None else rng
        runs = np.asarray(error, np.float64)
        doubt = np.zeros(len(self.draws))
        if runs.ndim and len(self.draws):
            relative, free = _relative_variance(self.mean, self.sd, self.seeds)
            sd = runs.std(ddof=1) if len(runs) > 1 else 0.0
            se = _shrunk(runs.mean(), sd, len(runs), relative) / np.sqrt(len(runs))
            doubt = se * _widening(free) * rng.standard_normal(len(self.draws))
        low, high = _middle(inverse(*self.draws.T, runs.mean() + doubt) / n, level)
        return Multiplier(self.n_eff(runs) / n, float(low), float(high), level)

    def warning(self, n: float) -> str | None:
        """A sentence where n is too far beyond what was measured to be trusted, else None."""
        top = int(self.sizes[-1])
        if n <= REACH * top:
            return None
        times = f"{n:,.0f} items are {n / top:.1f} times the largest size measured ({top:,})"
        return f"{times}; beyond {REACH} times this curve is a guess."


def fit(
    sizes: Sequence[float],
    errors: Sequence[Sequence[float]],
    *,
    draws: int = 500,
    rng: np.random.Generator | None = None,
) -> Curve | Refusal:
    """The learning curve through test errors of students trained on random subsets, or why there is none.

    sizes: [k] > 0, four distinct ones or more; errors: for each size the errors in [0, 1], one per seed (three or
    more make an honest band). The same size twice is one size with all its seeds. InputError for anything else.

    >>> n = np.array([500, 1000, 2000, 4000, 8000])
    >>> curve = fit(n, [[e] for e in 2 * n**-0.35 + 0.05])
    >>> print(f"{curve.a:.3f} {curve.b:.3f} {curve.c:.3f}")
    2.000 0.350 0.050
    >>> print(f"{curve.needed(0.10):,.0f} items for an error of 10 %")
    37,785 items for an error of 10 %
    >>> print(fit([10, 20, 40], [[0.3], [0.2], [0.1]]))
    A learning curve needs at least 4 sizes and there are 3: train on random subsets of other sizes.
    """
    sizes, runs = _checked(sizes, errors)
    if len(sizes) < SIZES:
        return Refusal(
            f"A learning curve needs at least {SIZES} sizes and there are {len(sizes)}: "
            "train on random subsets of other sizes."
        )
    mean, seeds = np.array([r.mean() for r in runs]), np.array([len(r) for r in runs])
    sd = np.array([r.std(ddof=1) if len(r) > 1 else 0.0 for r in runs])
    if mean.min() <= 0:
        n = int(sizes[mean.argmin()])
        return Refusal(f"The error at {n:,} items is 0 in every run: a power law never gets there; use smaller sizes.")
    relative, free = _relative_variance(mean, sd, seeds)
    spread = _shrunk(mean, sd, seeds, relative)
    se = spread / np.sqrt(seeds)
    within = np.array([r.var() for r in runs])
    a, b, c = fits(sizes, mean[None], within[None], se, seeds.sum())[0]
    residual = float(np.sqrt(np.mean((law(a, b, c, sizes) / mean - 1) ** 2)))
    if b <= B_LOW * 1.001:
        return Refusal("The error does not fall as the subsets grow: there is no learning curve to read off.")
    if b >= B_HIGH * 0.999:
        return Refusal(
            f"The best curve is as steep as is allowed (exponent {B_HIGH:g}), so the errors do not follow a power "
            "law at these sizes: use sizes spread more widely, or more seeds."
        )
    if residual > RESIDUAL:
        return Refusal(
            f"The best curve misses the measured errors by {residual:.0%} on average, more than {RESIDUAL:.0%}: "
            "use more seeds, or leave out the smallest sizes."
        )
    rng = np.random.default_rng(0) if rng is None else rng
    made = np.empty((0, 3))
    if free:
        means, variances = _redrawn(runs, spread, free, draws, rng)
        made = fits(sizes, np.maximum(means, 1e-6), variances, se, seeds.sum())
    return Curve(float(a), float(b), float(c), sizes, mean, sd, seeds, residual, made)


def _checked(sizes, errors) -> tuple[np.ndarray, list[np.ndarray]]:
    """(distinct sizes ascending, the runs of each)"""
    sizes = np.asarray(sizes, np.float64).ravel()
    runs = [np.atleast_1d(np.asarray(e, np.float64)).ravel() for e in errors]
    if len(sizes) != len(runs):
        raise InputError(f"There are {len(sizes)} sizes and errors for {len(runs)}; give one list of errors per size.")
    for n, r in zip(sizes, runs, strict=True):
        if not (np.isfinite(n) and n > 0):
            raise InputError(f"A size of {n:g} cannot be on a learning curve; sizes are numbers of items above 0.")
        if len(r) == 0 or not ((r >= 0) & (r <= 1)).all():
            raise InputError(f"The errors at size {n:g} are {r.tolist()}; give one or more shares between 0 and 1.")
    distinct = np.unique(sizes)
    return distinct, [np.concatenate([r for n, r in zip(sizes, runs, strict=True) if n == size]) for size in distinct]


def _middle(values: np.ndarray, level: float):
    """(low, high) over the first axis; NaN where nothing was drawn."""
    if len(values) == 0:
        return np.full(values.shape[1:], np.nan)[()], np.full(values.shape[1:], np.nan)[()]
    # A value that was drawn, never one between two: a mean with inf in it is no number.
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0, method="nearest")
    return low, high


def _relative_variance(mean: np.ndarray, sd: np.ndarray, seeds: np.ndarray) -> tuple[float, int]:
    """(variance of one run relative to the error, pooled over the sizes; its degrees of freedom)"""
    free = seeds - 1
    return (float(np.average((sd / mean) ** 2, weights=free)) if free.any() else 0.0), int(free.sum())


def _shrunk(mean, sd, seeds, relative: float) -> np.ndarray:
    """The standard deviation of one run, between its own estimate and the common one."""
    return np.sqrt((_PRIOR * relative * mean**2 + (seeds - 1) * sd**2) / (_PRIOR + seeds - 1))


def _widening(free: int) -> float:
    return float(np.sqrt(free / max(free - 2, 1)))


def _redrawn(runs: list[np.ndarray], spread: np.ndarray, free: int, draws: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """([draws, k] means, [draws, k] variances) of as many new runs per size as there were."""
    several = [i for i, r in enumerate(runs) if len(r) > 1 and spread[i] > 0]
    deviations = [(runs[i] - runs[i].mean()) / spread[i] * np.sqrt(len(runs[i]) / (len(runs[i]) - 1)) for i in several]
    pool = np.concatenate([*deviations, np.zeros(int(not several))]) * _widening(free)
    drawn = [r.mean() + s * rng.choice(pool, size=(draws, len(r))) for r, s in zip(runs, spread, strict=True)]
    return np.stack([d.mean(axis=1) for d in drawn], axis=1), np.stack([d.var(axis=1) for d in drawn], axis=1)
