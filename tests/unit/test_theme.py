"""Colours that stay apart and can be read, and text that is never markup."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from streamlit import config

from curation.ui.parts import theme

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / ".streamlit/config.toml").read_text("utf-8"))


def _flat(settings: dict, prefix: str = "") -> dict:
    found = {}
    for name, value in settings.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def test_every_setting_is_known_to_streamlit():
    config.get_config_options()
    assert set(_flat(CONFIG)) <= set(config._config_options_template)


def test_class_colours_are_the_same_in_charts_and_in_the_theme():
    assert tuple(CONFIG["theme"]["chartCategoricalColors"]) == theme.CLASS_COLOURS


@pytest.mark.parametrize("page", ["light", "dark"])
def test_white_text_is_readable_on_the_primary_button(page):
    assert _contrast(CONFIG["theme"][page]["primaryColor"], "#FFFFFF") >= 4.5


@pytest.mark.parametrize("page", ["light", "dark"])
def test_every_status_is_readable_on_its_page(page):
    background = CONFIG["theme"][page]["backgroundColor"]
    for status in theme.STATUS.values():
        assert _contrast(getattr(status, page), background) >= 3.5


def test_no_two_statuses_share_outline_and_icon():
    assert (
        len({(s.outline, s.icon) for s in theme.STATUS.values()}) == len({s.icon for s in theme.STATUS.values()}) == 4
    )


# Machado, Oliveira & Fernandes 2009, full strength.
SIGHT = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("sight", SIGHT)
def test_class_colours_stay_apart_for_every_kind_of_sight(sight):
    seen = [_oklab(np.clip(np.array(SIGHT[sight]) @ _linear(colour), 0, 1)) for colour in theme.CLASS_COLOURS]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert 100 * nearest >= 8.5


HOSTILE = [
    *("**bold** a_b_c", "# title", "1. list", "- point", "> quote", "[link](http://x)", "![i](x)", ":red[x]", "$x$"),
    *("`code`", "<b>bold</b> &amp;", "~~no~~", "a\\b", ":smile: :material/delete:", "www.x.org http://x.org a@x.org"),
    *("a -> b <- c -- d >= e",),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_carries_a_backslash_before_every_piece_of_punctuation(text):
    shown = theme.plain(text).replace("\u2060", "")
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", shown) == text
    assert re.fullmatch(r"[\w ]*", re.sub(r"\\[!-/:-@\[-`{-~]", "", shown))


@pytest.mark.parametrize(
    "text", [":smile:", ":material/delete:", "http://x.org", "www.x.org", "a@x.org", "->", "--", ">="]
)
def test_plain_text_breaks_what_is_looked_for_after_parsing(text):
    assert "\u2060" in theme.plain(text)


def test_plain_text_is_one_line():
    assert theme.plain("a\n\n b") == "a b"


def test_a_reason_is_never_markup():
    assert "<img" not in theme.chip("<img src=x onerror=alert(1)>", "dropped")


# -- colour arithmetic -------------------------------------------------------------------------------------


def _linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def _contrast(a: str, b: str) -> float:
    low, high = sorted(float(_linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def _oklab(linear: np.ndarray) -> np.ndarray:
    """Ottosson 2020."""
    lms = [
        [0.41222147, 0.53633254, 0.05144599],
        [0.2119035, 0.6806995, 0.10739696],
        [0.08830246, 0.28171884, 0.62997870],
    ]
    lab = [
        [0.21045426, 0.79361779, -0.00407205],
        [1.9779985, -2.4285922, 0.4505937],
        [0.0259040, 0.78277177, -0.80867577],
    ]
    return np.array(lab) @ np.cbrt(np.array(lms) @ linear)
