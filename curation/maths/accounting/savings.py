"""What training on a subset saves, or costs: hours, money, energy, carbon, labels, storage.

    hours before = H M            H: device-hours of one training on the full data, M: number of trainings
    hours after  = H s M + h      s: share of the sample passes that are left, h: device-hours of the selection
    energy  = hours (u P + P_host) / 1000 * PUE     carbon = energy * intensity / 1000
    money   = hours * price of an hour (hired), or energy * price of electricity (owned): never both
    breaks even after ceil(h / (H (1 - s))) trainings

A saving below zero is one, and is shown as one. No saving is stated without the difference in accuracy beside it:
`savings` asks for it. Blind to: the power really drawn (measure it), making and cooling the machine beyond the PUE,
and the money for CPU-hours, for which there is no sourced price.

Strubell, Ganesh, McCallum, "Energy and policy considerations for deep learning in NLP", ACL 2019; Lacoste, Luccioni,
Schmidt, Dandres, "Quantifying the carbon emissions of machine learning", arXiv 1910.09700, 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curation.errors import InputError
from curation.maths.accounting.constants import Constants


@dataclass(frozen=True)
class Amount:
    """Before and after the selection, and what that saves (negative: what it costs more). low, high: of the saving,
    with every constant that has a range at its low and high end."""

    before: float
    after: float
    unit: str
    low: float
    high: float

    @property
    def saved(self) -> float:
        return self.before - self.after


@dataclass(frozen=True)
class Difference:
    """Accuracy of the subset minus that of the full data: mean over the seeds and 95 % t interval (NaN: one seed)."""

    mean: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        """In words, always with how sure it is.

        >>> str(difference([-0.011, -0.009, -0.010]))
        '-1.0 points of accuracy (95 % interval -1.2 to -0.8, 3 seeds)'
        """
        sure = f"95 % interval {100 * self.low:+.1f} to {100 * self.high:+.1f}, {self.seeds} seeds"
        return f"{100 * self.mean:+.1f} points of accuracy ({sure if self.seeds > 1 else 'one seed: no interval'})"


@dataclass(frozen=True)
class Savings:
    """accuracy comes first: it is the price. None: a constant is not set. break_even: trainings, inf for never."""

    accuracy: Difference
    hours: Amount
    energy: Amount
    carbon: Amount
    money: Amount | None
    labelling: float | None
    storage: float | None
    break_even: float


def savings(
    *,
    differences: Sequence[float],
    hours: float,
    passes: float,
    selection: float = 0.0,
    selection_cpu: float = 0.0,
    trainings: int = 1,
    hired: bool = True,
    labels: int = 0,
    gigabytes: float = 0.0,
    months: float = 1.0,
    constants: Constants | None = None,
) -> Savings:
    """What `trainings` trainings on the subset save against as many on the full data.

    differences: accuracy of the subset minus that of the full data, one per seed, in [-1, 1]. hours: device-hours of
    one training on the full data; passes: the share of its sample passes the subset needs. selection, selection_cpu:
    device-hours and CPU-hours of choosing the subset, proxy and every hidden pass included; CPU-hours draw the host's
    power. labels: labels no longer needed; gigabytes, months: what is no longer stored, and for how long.

    >>> made = savings(differences=[0.0, 0.0], hours=10, passes=0.5, selection=8, constants=Constants.of("H100"))
    >>> made.hours.saved, made.break_even
    (-3.0, 2)
    """
    constants = constants or Constants()
    _check(hours=hours, passes=passes, selection=selection, selection_cpu=selection_cpu, labels=labels,
           gigabytes=gigabytes, months=months)  # fmt: skip
    if trainings < 1:
        raise InputError(f"The number of trainings is {trainings}; it must be 1 or more.")
    before, after = hours * trainings, hours * passes * trainings + selection

    def uses(c: Constants) -> tuple[tuple[float, float], ...]:
        """(before, after) of energy, carbon, money"""
        host = c.host_power.value / 1000 * c.pue.value
        hourly = host + c.utilisation.value * c.device_power.value / 1000 * c.pue.value
        energy = before * hourly, after * hourly + selection_cpu * host
        carbon = tuple(e * c.carbon.value / 1000 for e in energy)
        if not hired:
            return energy, carbon, tuple(e * c.electricity.value for e in energy)
        price = math.nan if c.price.value is None else c.price.value
        return energy, carbon, (before * price, after * price)

    middle, *ends = (uses(c) for c in (constants, constants.at("low"), constants.at("high")))
    amounts = []
    for i, unit in enumerate(("kWh", "kg CO2", "$")):
        low, high = sorted(end[i][0] - end[i][1] for end in ends)
        amounts.append(Amount(*middle[i], unit, low, high))
    energy, carbon, money = amounts
    return Savings(
        difference(differences),
        Amount(before, after, "device-hours", before - after, before - after),
        energy,
        carbon,
        None if math.isnan(money.before) else money,
        _times(labels, constants.label.value, 1 + (constants.checking.value or 0)),
        _times(gigabytes, constants.storage.value, months),
        break_even(hours, passes, selection),
    )


def break_even(hours: float, passes: float, selection: float) -> float:
    """Trainings after which the selection has paid for itself in device-hours; inf where it never does.

    >>> break_even(10, 0.5, 8), break_even(10, 0.5, 10), break_even(10, 1.0, 8)
    (2, 2, inf)
    """
    if selection == 0 and passes <= 1:
        return 0
    if passes >= 1 or hours == 0:
        return math.inf
    return math.ceil(selection / (hours * (1 - passes)) - 1e-9)


def difference(differences: Sequence[float]) -> Difference:
    """The mean of differences paired by seed, and its 95 % t interval."""
    d = np.asarray(differences, np.float64).ravel()
    if len(d) == 0 or not (np.abs(d) <= 1).all():
        raise InputError(
            f"The accuracy differences are {d.tolist()}; savings are stated only beside the accuracy of the subset "
            "minus that of the full data: give one number between -1 and 1 per seed."
        )
    if len(d) == 1:
        return Difference(float(d[0]), math.nan, math.nan, 1)
    from scipy.stats import t

    half = float(t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))
    return Difference(float(d.mean()), float(d.mean() - half), float(d.mean() + half), len(d))


def _times(count: float, price: float | None, factor: float) -> float | None:
    """Money; nothing costs nothing, whatever its price."""
    return 0.0 if count == 0 else None if price is None else count * price * factor


def _check(**numbers: float) -> None:
    for name, value in numbers.items():
        if not 0 <= value < math.inf:
            raise InputError(f"{name} is {value}; give a number of 0 or more.")
