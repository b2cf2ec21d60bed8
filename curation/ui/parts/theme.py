"""Colours, and the small pieces every page is made of. Labels and file names are never read as markup.

Status is told by shape and outline first and by colour second; class colours were chosen so that the nearest two
stay apart (OKLab distance of at least 8.6) for normal sight and for the three kinds of colour blindness, on a white
and on a dark page alike. `.streamlit/config.toml` holds the rest of the look.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import streamlit as st

from curation.data.writing.atomic import TURNING

CLASS_COLOURS = (
    *("#3477BC", "#E97D37", "#25A09B", "#AB0B81", "#DBBD16"),
    *("#BF76FE", "#4BDBA4", "#B9575D", "#BDBEF8", "#796006"),
)
OTHER = "#97A3AF"  # classes beyond the ten, and "no label"


class Status(NamedTuple):
    """One thing that can be true of an item: a colour for light and dark pages, an outline, a 16 x 16 icon."""

    light: str
    dark: str
    outline: str
    icon: str


STATUS = {
    "flagged": Status("#C26A00", "#FFB454", "solid", "M8 1.2 15.4 14H.6zM7.2 5.6h1.6v4H7.2zm0 5.2h1.6v1.6H7.2z"),
    "dropped": Status(
        "#C62F3E",
        "#FF7B86",
        "dashed",
        "M3.2 1.8 8 6.6l4.8-4.8 1.4 1.4L9.4 8l4.8 4.8-1.4 1.4L8 9.4l-4.8 4.8-1.4-1.4L6.6 8 1.8 3.2z",
    ),
    "kept": Status("#13805A", "#4FD1A1", "solid", "M6.2 13.4 1 8.2l1.6-1.6 3.6 3.6 7.2-7.2L15 4.6z"),
    "relabelled": Status("#6B46D9", "#B79CFF", "dotted", "M11.3 1.3l3.4 3.4L5.4 14H2v-3.4z"),
}


def is_dark() -> bool:
    """Whether this visitor looks at the dark theme, as of this run. Only charts need it: style sheets say
    `light-dark()` and follow the browser at once."""
    return st.context.theme.type == "dark"


def literal(text: object) -> str:
    r"""Text whose characters that would turn or hide what follows them are shown by their code.

    >>> literal("a\u202egnp.exe")
    'a⟨202E⟩gnp.exe'
    """
    return _INVISIBLE.sub(lambda found: f"⟨{ord(found[0]):04X}⟩", str(text))


def charted(text: object) -> str:
    """Text as Plotly shows it letter for letter, for titles, legends, ticks and hover texts.

    >>> charted('<b title="x">')
    '&lt;b title="x"&gt;'
    """
    return html.escape(literal(text), quote=False)  # it knows no &quot;


def escaped(text: object) -> str:
    """Text as HTML shows it letter for letter, also between quotes.

    >>> escaped('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(literal(text))


def plain(text: object) -> str:
    r"""Text as Streamlit shows it letter for letter, for every argument that would be read as markdown.

    Backslashes stop markdown, directives and formulas; a word joiner (it has no width) stops what Streamlit looks
    for afterwards: icons, emoji, arrows and addresses.

    >>> plain("a_b *c*")
    'a\\_b \\*c\\*'
    """
    text = literal(" ".join(str(text).split()))
    text = _AFTERWARDS.sub("\u2060", text)
    return _PUNCTUATION.sub(r"\\\g<0>", text)


_INVISIBLE = re.compile(f"[{TURNING}\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_AFTERWARDS = re.compile(r"(?<=:)(?=[\w+/-])|(?<=@)(?=\w)|(?<=\bwww)(?=\.)|(?<=[<>~-])(?=[>=-])", re.IGNORECASE)


# -- pieces ------------------------------------------------------------------------------------------------


def page_css() -> str:
    """The one style sheet beside the theme, as a `<style>` block; written once by the frame."""
    return f"<style>{_CSS}</style>"


def header(title: str, subtitle: str = "") -> st.delta_generator.DeltaGenerator:
    """Title and subtitle of a page. Returns the container at their right: `with header("Map"): st.button(...)`."""
    left, right = st.columns([3, 2], vertical_alignment="center")
    below = f"<p>{escaped(subtitle)}</p>" if subtitle else ""
    left.html(f'<div class="wn-header"><h1>{escaped(title)}</h1>{below}</div>')
    return right.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center")


def metrics(values: Iterable[tuple[str, str] | tuple[str, str, str]]) -> None:
    """Numbers side by side, of equal width: (name, value) or (name, value, what it means)."""
    cells = []
    for name, value, *about in values:
        title = f' title="{escaped(about[0])}"' if about else ""
        cells.append(f"<div{title}><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>")
    st.html(f'<dl class="wn-metrics">{"".join(cells)}</dl>')


def empty_state(icon: str, title: str, text: str, button: str | None = None, *, key: str | None = None) -> bool:
    """What a page shows while it has no content, with the one button that changes that.

    icon: a name of the Material Symbols set that comes with Streamlit ("folder_open").
    """
    with st.container(key=f"wn-empty-{key or 'state'}", horizontal_alignment="center", gap="small"):
        st.markdown(f":material/{icon}:", width="content")
        st.html(f'<div class="wn-empty"><h2>{escaped(title)}</h2><p>{escaped(text)}</p></div>')
        return button is not None and st.button(button, type="primary", key=key and f"{key}-button")


def chips(reasons: Sequence[str | tuple[str, str]]) -> None:
    """Reasons in words, each in a small box; (text, status) adds the icon and colour of `STATUS`."""
    parts = [chip(*([reason] if isinstance(reason, str) else reason)) for reason in reasons]
    st.html(f'<div class="wn-chips">{"".join(parts)}</div>')


def chip(text: str, status: str | None = None) -> str:
    """One reason as HTML, its text escaped."""
    if status is None:
        return f'<span class="wn-chip">{escaped(text)}</span>'
    return f'<span class="wn-chip wn-{status}"><i></i>{escaped(text)}</span>'


def picture(src: str, alt: str, *, side: int = 420) -> None:
    """One image as large as the column allows, up to `side` pixels. Images stored as PNG are tiny ones
    (`thumbnails.large`): their pixels are shown as squares instead of being blurred."""
    kind = " wn-pixels" if src.startswith("data:image/png") else ""
    st.html(
        f'<img class="wn-picture{kind}" src="{escaped(src)}" alt="{escaped(alt)}" '
        f'style="width:100%;max-width:{side}px">'
    )


def _status_css(name: str, status: Status) -> str:
    # A mask, since st.html keeps no <svg>.
    path = f"<path fill-rule='evenodd' d='{status.icon}'/>"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>{path}</svg>"
    icon = base64.b64encode(svg.encode()).decode()
    return (
        f".wn-{name} {{ color: light-dark({status.light}, {status.dark}); border: 1px {status.outline} currentColor; "
        f"--icon: url(data:image/svg+xml;base64,{icon}); }}\n"
    )


_FAINT = "color-mix(in srgb, currentColor 14%, transparent)"
_CSS = f"""
:root {{ {" ".join(f"--wn-{name}: light-dark({s.light}, {s.dark});" for name, s in STATUS.items())} }}
[data-testid="stMainBlockContainer"] {{ padding-left: 1.75rem; padding-right: 1.75rem; max-width: 1760px; }}
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] {{ gap: 0.75rem; }}
.wn-header h1 {{ font-size: 1.35rem; font-weight: 650; padding: 0; margin: 0; line-height: 1.3; }}
.wn-header p {{ margin: 0.1rem 0 0; opacity: 0.68; font-size: 0.9rem; }}
.wn-metrics {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: 0.5rem; }}
dl.wn-metrics.wn-metrics {{ margin: 0; padding: 0; }}
.wn-metrics > div {{ border: 1px solid {_FAINT}; border-radius: 6px; padding: 0.45rem 0.7rem; }}
.wn-metrics dt {{ font-size: 0.8rem; opacity: 0.68; font-weight: 400; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }}
.wn-metrics dd {{ font-size: 1.3rem; font-weight: 600; margin: 0; padding: 0; line-height: 1.35;
  font-variant-numeric: tabular-nums; }}
.wn-empty {{ text-align: center; }}
.wn-empty h2 {{ font-size: 1.15rem; padding: 0; margin: 0; }}
.wn-empty p {{ max-width: 34rem; margin: 0.35rem auto 0; opacity: 0.75; }}
[class*="st-key-wn-empty-"] {{ padding: 3.5rem 1rem; border: 1px dashed {_FAINT}; border-radius: 8px; }}
[class*="st-key-wn-empty-"] [data-testid="stIconMaterial"], [class*="st-key-wn-empty-"] [data-testid="stMarkdown"] span
  {{ font-size: 2.6rem; line-height: 1; opacity: 0.7; }}
.wn-chips {{ display: flex; flex-wrap: wrap; gap: 0.35rem; }}
.wn-chip {{ display: inline-flex; align-items: center; gap: 0.35rem; padding: 0.1rem 0.55rem; border-radius: 99px;
  border: 1px solid {_FAINT}; font-size: 0.85rem; line-height: 1.5; overflow-wrap: anywhere; }}
.wn-chip i {{ width: 0.75rem; height: 0.75rem; flex: none; background: currentColor;
  mask: var(--icon) center / contain; }}
{"".join(_status_css(name, status) for name, status in STATUS.items())}
[data-testid="stMultiSelect"] [data-testid="stMultiSelectTagsContainer"] {{ flex-wrap: wrap; align-content: center;
  overflow: hidden; mask-image: none; height: auto; min-width: 0; row-gap: 0.2rem; padding-top: 0.1rem;
  padding-bottom: 0.1rem; }}
[data-testid="stMultiSelect"] [role="group"]:has(> [data-testid="stMultiSelectTagsContainer"]) {{ height: auto;
  max-height: none; }}
[data-testid="stButtonGroup"] button[aria-checked="true"] p {{ color: light-dark(#0F5FA8, #7FB6EA); }}
.wn-picture {{ display: block; border-radius: 6px; height: auto; }}
.wn-pixels {{ image-rendering: pixelated; }}
"""
