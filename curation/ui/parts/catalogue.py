"""The catalogue of methods as text and HTML, drawn from the registry alone."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from curation.engine.registry import Method, all_methods, get, kinds
from curation.ui.parts.theme import escaped


class Parameter(NamedTuple):
    name: str
    default: str
    allowed: str
    description: str


def search(query: str, kind: str | None = None) -> list[Method]:
    """Methods of a kind (None: all) that have every word of the query in their name, text or tags."""
    words = query.lower().split()
    return [m for m in all_methods() if kind in (None, m.kind) and all(word in _haystack(m) for word in words)]


def problems() -> dict[tuple[str, str], str]:
    """(kind, id) -> why a method cannot run here, for those that cannot. Waits for silent hubs, all at once."""
    methods = all_methods()
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(Method.unavailable, methods))
    return {(m.kind, m.id): why for m, why in zip(methods, said, strict=True) if why}


def parameters(method: Method) -> list[Parameter]:
    schema = method.params.model_json_schema()
    required = schema.get("required", ())
    return [
        Parameter(
            name,
            "required" if name in required else _value(field.get("default")),
            allowed(field),
            field.get("description", ""),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def allowed(field: Mapping[str, Any]) -> str:
    """Type and bounds of one parameter out of its JSON schema, as a person would write them.

    >>> allowed({"type": "number", "exclusiveMinimum": 0, "maximum": 1}), allowed({"enum": ["copy", "link"]})
    ('number, above 0, at most 1', 'copy, link')
    """
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if "const" in field:
        return str(field["const"])
    if "anyOf" in field:
        parts = [allowed(part) for part in field["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(parts)) + (" or none" if len(parts) < len(field["anyOf"]) else "")
    if field.get("type") == "array":
        return "list of " + allowed(field.get("items", {}))
    kinds = {"integer": "whole number", "number": "number", "boolean": "true or false"}
    kind = kinds.get(field.get("type", ""), "path" if field.get("format") == "path" else "text")
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
    }
    bounds = [words[key].format(f"{field[key]:g}") for key in words if key in field]
    if "minimum" in field and "maximum" in field:
        bounds = [f"{field['minimum']:g} to {field['maximum']:g}"]
    return ", ".join([kind, *bounds])


def entry(method: Method, problem: str = "") -> str:
    """One method as HTML that opens at a click, every text escaped."""
    card, (first, *rest) = method.card, _blocks(method.doc)
    state = f'<em class="wn-no">{escaped(_short(problem))}</em>' if problem else ""
    if card.grid:
        state += f'<em class="wn-grid" title="Mean accuracy on the benchmark in docs/hybrid.md">{card.grid:.1f} %</em>'
    facts = {
        "Suits": card.suits,
        "Accuracy": f"{card.grid:.1f} %: mean of 30 cells of the benchmark in docs/hybrid.md; random {_random()}"
        if card.grid
        else "",
        "Reads": ", ".join(card.needs),
        "Cost": card.cost,
        "Blind to": card.blind_to,
        "Packages": ", ".join(card.requires),
        "Tags": ", ".join(card.tags),
        "Nested": "a larger subset contains the smaller ones" if card.nested else "",
    }
    body = "".join(_block(block) for block in rest)
    lines = "".join(f"<dt>{name}</dt><dd>{escaped(fact)}</dd>" for name, fact in facts.items() if fact)
    if card.paper:
        address = escaped(card.paper)
        lines += f'<dt>Paper</dt><dd><a href="{address}" target="_blank" rel="noopener">{address}</a></dd>'
    if problem:
        body = f'<p class="wn-why">{escaped(problem[0].upper() + problem[1:])}</p>{body}'
    return (
        f"<details><summary><b>{escaped(card.title)}</b><code>{escaped(method.id)}</code>"
        f"<span>{state}{escaped(_lead(first, method))}</span></summary>"
        f"<div>{body}<dl class='wn-about'>{lines}</dl>{_table(parameters(method))}</div></details>"
    )


def listing(methods: list[Method], why: Mapping[tuple[str, str], str]) -> str:
    """Methods under the titles of their kinds, as one piece of HTML."""
    parts = [f"<style>{_CSS}</style>"]
    for kind, about in kinds().items():
        if own := [m for m in methods if m.kind == kind]:
            parts.append(f'<h3 class="wn-kind">{escaped(about.title)}<em>{len(own)}</em></h3>')
            parts += [entry(m, why.get((m.kind, m.id), "")) for m in own]
    return f'<div class="wn-catalogue">{"".join(parts)}</div>'


def _random() -> str:
    return f"{get('pruners', 'random').card.grid:.1f} %"


# -- helpers -------------------------------------------------------------------------------------------------


def _haystack(method: Method) -> str:
    return " ".join((method.id, method.card.title, method.doc, *method.card.tags)).lower()


def _value(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    return ", ".join(map(str, default)) or "none" if isinstance(default, list | tuple) else str(default)


def _blocks(doc: str) -> list[str]:
    """Paragraphs and indented blocks of a docstring."""
    return [block.strip("\n") for block in doc.split("\n\n") if block.strip()]


def _block(block: str) -> str:
    lines = block.split("\n")
    if all(line.startswith((" ", "|")) for line in lines):
        return f"<pre>{escaped(textwrap.dedent(block))}</pre>"
    return f"<p>{escaped(' '.join(line.strip() for line in lines))}</p>"


def _lead(first: str, method: Method) -> str:
    """The docstring's first line without the name it may start with, which stands beside it."""
    line = " ".join(first.split())
    name, colon, rest = line.partition(": ")
    if colon and name.lower() in (method.id, method.card.title.lower()):
        return rest[:1].upper() + rest[1:]
    return line


def _short(problem: str) -> str:
    return "package missing" if "pip install" in problem else "not available here"


def _table(rows: list[Parameter]) -> str:
    if not rows:
        return "<p>No parameters.</p>"
    cells = "".join(
        f"<tr><td><code>{escaped(row.name)}</code></td>"
        + "".join(f"<td>{escaped(text)}</td>" for text in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><tr><th>Parameter</th><th>Default</th><th>Allowed</th><th></th></tr>{cells}</table>"


_FAINT = "color-mix(in srgb, currentColor 14%, transparent)"
_CSS = f"""
.wn-catalogue {{ font-size: 0.92rem; }}
.wn-kind {{ font-size: 1rem; margin: 1.2rem 0 0.4rem; padding: 0; }}
.wn-kind em {{ font-style: normal; font-weight: 400; opacity: 0.6; margin-left: 0.5rem; }}
.wn-catalogue details {{ border: 1px solid {_FAINT}; border-bottom-width: 0; }}
.wn-catalogue h3 + details {{ border-radius: 6px 6px 0 0; }}
.wn-catalogue details:has(+ h3), .wn-catalogue details:last-child {{ border-bottom-width: 1px;
  border-radius: 0 0 6px 6px; }}
.wn-catalogue h3 + details:has(+ h3), .wn-catalogue h3 + details:last-child {{ border-radius: 6px; }}
.wn-catalogue summary {{ display: grid; grid-template-columns: 14rem 9.5rem 1fr; gap: 0 1rem; align-items: baseline;
  padding: 0.42rem 0.8rem; cursor: pointer; }}
.wn-catalogue summary:hover {{ background: color-mix(in srgb, currentColor 5%, transparent); }}
.wn-catalogue summary > span {{ opacity: 0.75; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.wn-catalogue details[open] summary > span {{ white-space: normal; }}
.wn-catalogue code {{ font-size: 0.83rem; background: none; color: inherit; opacity: 0.75; padding: 0; }}
.wn-catalogue details > div {{ padding: 0.2rem 0.8rem 0.9rem; max-width: 62rem; }}
.wn-catalogue p {{ margin: 0.5rem 0; line-height: 1.5; }}
.wn-catalogue pre {{ font-size: 0.8rem; line-height: 1.45; overflow-x: auto; padding: 0.6rem 0.8rem; border-radius: 6px;
  background: color-mix(in srgb, currentColor 5%, transparent); }}
.wn-catalogue .wn-about {{ display: grid; grid-template-columns: 6rem 1fr; gap: 0.15rem 0.8rem; margin: 0.8rem 0;
  padding: 0; }}
.wn-catalogue dt {{ opacity: 0.65; font-weight: 400; }} .wn-catalogue dd {{ margin: 0; }}
.wn-catalogue table {{ border-collapse: collapse; width: 100%; font-size: 0.87rem; }}
.wn-catalogue th, .wn-catalogue td {{ text-align: left; vertical-align: top; padding: 0.25rem 0.9rem 0.25rem 0;
  border-bottom: 1px solid {_FAINT}; }}
.wn-catalogue th {{ font-weight: 500; opacity: 0.65; }}
.wn-catalogue .wn-no {{ font-style: normal; margin-right: 0.7rem; }}
.wn-catalogue .wn-grid {{ font-style: normal; font-size: 0.8rem; margin-right: 0.7rem;
  font-variant-numeric: tabular-nums; }}
.wn-catalogue .wn-no, .wn-catalogue .wn-why {{ color: light-dark(#C26A00, #FFB454); }}
"""
