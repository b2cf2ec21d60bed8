"""What all Plotly figures share: layout, lines and shades for light and dark pages, and the order of symbols.

Backgrounds are transparent and fonts come from the page.
"""

from __future__ import annotations

import plotly.graph_objects as go

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "star", "hexagon", "cross", "x")


def layout(dark: bool, height: int) -> dict:
    """The layout of a figure `height` pixels tall."""
    return {
        "template": go.layout.Template(),  # the default would follow what else was imported
        "height": height,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": ink(dark), "size": 13},
        "margin": {"l": 0, "r": 8, "t": 28, "b": 0},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "itemsizing": "constant",
            "bgcolor": "rgba(0,0,0,0)",
        },
        "hoverlabel": {
            "bgcolor": "#232C36" if dark else "#FFFFFF",
            "font": {"color": ink(dark), "size": 12},
            "align": "left",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#8A96A3", "activecolor": accent(dark)},
    }


def ink(dark: bool) -> str:
    """Text and the lines that matter most."""
    return "#E3E8ED" if dark else "#1B2733"


def accent(dark: bool) -> str:
    """What is kept, chosen or under way."""
    return "#5A9FE0" if dark else "#2F74B8"


def grey(dark: bool) -> str:
    """What is lost, or only there for comparison."""
    return "#414D5A" if dark else "#D3DAE1"


def faint(dark: bool) -> str:
    """Grid lines."""
    return "rgba(227,232,237,0.12)" if dark else "rgba(27,39,51,0.10)"


def faded(colour: str, strength: float) -> str:
    """A colour "#rrggbb" with an opacity in [0, 1].

    >>> faded("#3477BC", 0.18)
    'rgba(52,119,188,0.18)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength})"
