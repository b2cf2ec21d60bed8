"""The numbers that turn hours into money, energy and carbon: each with its unit, where it is from and when.

None of them is measured here, and all are there to be replaced: `Constants.edited(pue=1.2)`. "published" was seen in
the source named; "unverified" is recalled from it and was not looked up again; "assumption" is a plain guess.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

from curation.errors import InputError, nearest

Standing = Literal["published", "unverified", "assumption", "yours", "not set"]


@dataclass(frozen=True)
class Constant:
    """value: None until someone sets it, and what depends on it is then not stated. low, high: its plausible range."""

    value: float | None
    unit: str
    source: str
    date: str
    standing: Standing
    low: float | None = None
    high: float | None = None

    def edited(self, value: float) -> Constant:
        return Constant(value, self.unit, "entered by you", "now", "yours")


def _tdp(watts: float, maker: str = "NVIDIA", low: float | None = None, high: float | None = None) -> Constant:
    source = f"thermal design power, {maker}"
    return Constant(watts, "W", source, "undated", "unverified", low, high)


def _hire(dollars: float | None, low: float | None = None, high: float | None = None) -> Constant:
    if dollars is None:
        return Constant(None, "$/hour", "none: enter what you pay", "", "not set")
    return Constant(dollars, "$/hour", "cloud on demand; the market moves", "undated", "assumption", low, high)


# (power, price of an hour) of what one trains on
DEVICES = {
    "T4": (_tdp(70), _hire(0.35)),
    "L4": (_tdp(72), _hire(None)),
    "P100": (_tdp(250, low=250, high=300), _hire(None)),
    "V100": (_tdp(300), _hire(2.5)),
    "A100": (_tdp(400, low=250, high=400), _hire(2.75, 1.5, 4.0)),
    "H100": (_tdp(700, low=350, high=700), _hire(3.0, 2.0, 4.0)),
    "H200": (_tdp(700), _hire(None)),
    "RTX 4090": (_tdp(450), _hire(None)),
    "CPU": (Constant(0.0, "W", "no accelerator: only the host's power counts", "", "assumption"), _hire(None)),
}


def _grid(grams: float, source: str, low: float | None = None, high: float | None = None) -> Constant:
    return Constant(grams, "g CO2/kWh", source, "2023" if "2023" in source else "undated", "unverified", low, high)


REGIONS = {
    "world": _grid(480, "Ember 2023", 25, 580),
    "United States": _grid(380, "eGRID", 370, 390),
    "European Union": _grid(240, "approximate"),
    "China": _grid(580, "approximate"),
    "France": _grid(50, "approximate"),
    "Sweden": _grid(25, "approximate"),
}


@dataclass(frozen=True)
class Constants:
    """One set of them. device_power and price: of one accelerator; host_power: of the machine around each."""

    device_power: Constant = DEVICES["A100"][0]
    price: Constant = DEVICES["A100"][1]
    utilisation: Constant = Constant(0.7, "share of the power", "assumption", "undated", "assumption")
    host_power: Constant = Constant(100.0, "W", "assumption", "undated", "assumption")
    pue: Constant = Constant(
        1.58, "power usage effectiveness", "Uptime Institute, mean of the global survey; low end: Google, hyperscale",
        "2023", "published", 1.10, 1.58,
    )  # fmt: skip
    carbon: Constant = REGIONS["world"]
    electricity: Constant = Constant(0.12, "$/kWh", "assumption", "undated", "assumption")
    label: Constant = Constant(None, "$/label", "none: enter what you pay", "", "not set")
    checking: Constant = Constant(None, "share of the labels checked again", "none: enter yours", "", "not set")
    storage: Constant = Constant(None, "$/GB-month", "none: enter what you pay", "", "not set")

    @classmethod
    def of(cls, device: str = "A100", region: str = "world") -> Constants:
        """The defaults for a device of DEVICES and a region of REGIONS."""
        for name, known, what in ((device, DEVICES, "device"), (region, REGIONS, "region")):
            if name not in known:
                raise InputError(f"There is no {what} {name!r}; {nearest(name, known)}")
        power, price = DEVICES[device]
        return cls(device_power=power, price=price, carbon=REGIONS[region])

    def edited(self, **values: float) -> Constants:
        """With these numbers in place of the defaults.

        >>> Constants().edited(pue=1.1).pue
        Constant(value=1.1, unit='power usage effectiveness', source='entered by you', date='now', standing='yours', \
low=None, high=None)
        """
        names = [f.name for f in fields(self)]
        for name, value in values.items():
            if name not in names:
                raise InputError(f"There is no constant {name!r}; {nearest(name, names)}")
            if not 0 <= value < float("inf"):
                raise InputError(f"The constant {name} is {value:g}; give a number of 0 or more.")
        return replace(self, **{name: getattr(self, name).edited(value) for name, value in values.items()})

    def at(self, end: Literal["low", "high"]) -> Constants:
        """With every constant that has a range at that end of it."""
        ends = {f.name: (getattr(self, f.name), getattr(getattr(self, f.name), end)) for f in fields(self)}
        return replace(
            self, **{name: replace(c, value=value) for name, (c, value) in ends.items() if value is not None}
        )
