"""The power law with a floor, err(n) = a n^-b + c, fitted to many sets of errors at once.

For each c of a grid, log(err - c) is regressed on log n with the weights (err - c)^2 / se^2 of the delta method; the c
with the smallest weighted squared error *in error space* wins, and Gauss-Newton steps refine (log a, b, c). The law
without a floor, c = 0, is taken instead where AICc prefers it (Hurvich, Tsai, "Regression and time series model
selection in small samples", Biometrika 76, 1989; n counts the runs, the parameters are those of the law).
"""

from __future__ import annotations

import numpy as np

B_LOW, B_HIGH = 0.01, 2.0

_GRID = 200  # values of c beside 0
_CAP = 100.0  # largest weight over smallest
_STEPS = 12  # of Gauss-Newton; most fits need two


def law(a, b, c, n):
    """The error at n."""
    return a * n**-b + c


def inverse(a, b, c, error):
    """n with err(n) = error; inf at or below c."""
    above = np.asarray(error - c, np.float64)
    return np.where(above > 0, (a / np.where(above > 0, above, 1.0)) ** (1 / b), np.inf)


def fits(n: np.ndarray, mean: np.ndarray, within: np.ndarray, se: np.ndarray, runs: int) -> np.ndarray:
    """[B, 3] of (a, b, c), one per row of mean [B, k], at sizes n [k].

    within [B, k]: the variance of the runs behind each mean; se [k]: its standard error; runs: how many in all.

    >>> n = np.array([500, 1000, 2000, 4000, 8000])
    >>> fits(n, 2 * n[None] ** -0.35 + 0.05, np.zeros((1, 5)), np.zeros(5), 5).round(3).tolist()
    [[2.0, 0.35, 0.05]]
    """
    precision = _capped(1 / (se**2 + 1e-8))
    top = 0.999 * mean.min(axis=1)
    best, scores = [], []
    for floor in (False, True):
        most = top if floor else 0 * top
        p = _refined(n, mean, precision, _grid(n, mean, se, precision, most), most)
        error = (precision * ((_laws(p, n) - mean) ** 2 + within)).sum(axis=1)
        best.append(p)
        scores.append(_aicc(error / precision.mean(), runs, 2 + floor))
    return np.where((scores[1] < scores[0])[:, None], best[1], best[0])


def _aicc(squares: np.ndarray, runs: int, parameters: int) -> np.ndarray:
    """Akaike's criterion for few runs; inf where a law has as many parameters as the runs can pay for."""
    spare = runs - parameters - 1
    if spare <= 0:
        return np.full(len(squares), np.inf)
    # Below this the residuals are rounding, and the simpler law is as good.
    squares = np.maximum(squares, 1e-16)
    return runs * np.log(squares / runs) + 2 * parameters + 2 * parameters * (parameters + 1) / spare


def _grid(n, mean, se, precision, top) -> np.ndarray:
    """[B, 3]: the best point of the grid over c, from 0 to top [B]."""
    share = np.linspace(0, 1, _GRID + 1) if top.any() else np.zeros(1)
    c = top[:, None] * share
    above = mean[:, None, :] - c[:, :, None]  # [B, grid, k]
    w = _capped(above**2 / (se**2 + 1e-8))
    w /= w.sum(axis=2, keepdims=True)
    x, y = np.log(n), np.log(above)
    x_mean, y_mean = w @ x, (w * y).sum(axis=2)
    apart = x - x_mean[:, :, None]
    b = -(w * apart * y).sum(axis=2) / (w * apart**2).sum(axis=2)
    b = np.clip(b, B_LOW, B_HIGH)
    a = np.exp(y_mean + b * x_mean)
    all_ = np.stack([a, b, c], axis=2)
    squares = (precision * (_laws(all_, n) - mean[:, None, :]) ** 2).sum(axis=2)
    return np.take_along_axis(all_, squares.argmin(axis=1)[:, None, None], axis=1)[:, 0]


def _refined(n, mean, precision, p, top) -> np.ndarray:
    """p [B, 3] after Gauss-Newton steps within the bounds, c at most top [B]; each step is halved until it helps."""
    low = np.array([-np.inf, B_LOW, 0.0])
    high = np.stack([np.full(len(p), np.inf), np.full(len(p), B_HIGH), top], axis=1)
    root = np.sqrt(precision)

    def squares(p):
        return (precision * (_laws(p, n) - mean) ** 2).sum(axis=1)

    now = squares(p)
    for _ in range(_STEPS):
        at = np.stack([np.log(p[:, 0]), p[:, 1], p[:, 2]], axis=1)
        falling = _laws(p, n) - p[:, 2:]
        slopes = np.stack([falling, -np.log(n) * falling, np.ones_like(falling)], axis=2) * root[:, None]
        rest = ((mean - _laws(p, n)) * root)[:, :, None]
        step = (np.linalg.pinv(slopes) @ rest)[:, :, 0]
        # What would leave the bounds goes to the bound, and the others make the best of that.
        aim = np.clip(at + step, low, high)
        out = aim != at + step
        to_bound = np.where(out, aim - at, 0.0)
        rest = rest - slopes @ to_bound[:, :, None]
        step = to_bound + (np.linalg.pinv(slopes * ~out[:, None, :]) @ rest)[:, :, 0]
        moved = np.zeros(len(p), bool)
        for share in (1.0, 0.5, 0.25, 0.0625):
            new = np.clip(at + share * np.clip(step, -5, 5), low, high)
            new[:, 0] = np.exp(new[:, 0])
            then = squares(new)
            better = ~moved & (then < now)
            p, now, moved = np.where(better[:, None], new, p), np.where(better, then, now), moved | better
        if not moved.any():
            break
    return p


def _laws(p: np.ndarray, n: np.ndarray) -> np.ndarray:
    """[..., k] of p [..., 3] at n [k]."""
    return p[..., :1] * n ** -p[..., 1:2] + p[..., 2:]


def _capped(w: np.ndarray) -> np.ndarray:
    return np.minimum(w, _CAP * w.min(axis=-1, keepdims=True))
