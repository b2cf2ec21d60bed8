"""Writes docs/methods.md, docs/cli.md and docs/scale.md: `make docs`. `--check` fails when they are out of date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import on_paper
from curation.engine import registry
from curation.ui.parts.catalogue import parameters

HERE = Path(__file__).parent

TITLES = {
    "sources": ("Sources", "read a dataset: items, labels, splits"),
    "encoders": ("Encoders", "turn every item into a vector"),
    "evidence": ("Evidence", "computed once, shared by scores, flags and pruners"),
    "scores": ("Scores", "one number per item; higher = harder, always"),
    "flags": ("Flags", "which items look wrong, and what would be right"),
    "maps": ("Maps", "where an item stands on the screen"),
    "pruners": ("Pruners", "which items to keep, in which order"),
    "queries": ("Queries", "which items to have labelled next, in which order"),
    "students": ("Students", "trained on a subset to prove that it is enough"),
    "samplers": ("Samplers", "which items to train on, epoch by epoch"),
    "exporters": ("Exporters", "write what was decided"),
}


def main() -> int:
    pages = {"methods.md": methods_page(), "cli.md": cli_page(), "scale.md": on_paper.page()}
    stale = [name for name, text in pages.items() if _read(HERE / name) != text]
    if "--check" in sys.argv:
        if stale:
            print(f"out of date: {', '.join('docs/' + name for name in stale)}; run `make docs`")
        return 1 if stale else 0
    for name, text in pages.items():
        (HERE / name).write_text(text)
    return 0


def methods_page() -> str:
    lines = ["# Methods", "", "Generated from the code by `make docs`; the app's Methods page shows the same.", ""]
    lines += [f"- [{title}](#{title.lower()}): {what}" for title, what in TITLES.values()]
    for kind, (title, what) in TITLES.items():
        lines += ["", f"## {title}", "", f"{what[0].upper()}{what[1:]}.", ""]
        for method in registry.methods(kind).values():
            lines += _method(method)
    return "\n".join(lines) + "\n"


def _method(method: registry.Method) -> list[str]:
    card, body = method.card, method.doc.strip().split("\n", 1)
    lines = [f"### {method.id}", "", f"**{body[0]}**", ""]
    if len(body) > 1:
        lines += [body[1].strip("\n"), ""]
    facts = {
        "Reads": ", ".join(card.needs),
        "Cost": card.cost,
        "Blind to": card.blind_to,
        "Needs packages": ", ".join(card.requires),
        "Paper": f"<{card.paper}>" if card.paper else "",
        "Nested": "a smaller share is a prefix of a larger one" if card.nested else "",
    }
    lines += [f"- {name}: {fact}" for name, fact in facts.items() if fact]
    if found := parameters(method):
        lines += ["", "| parameter | default | allowed | |", "|---|---|---|---|"]
        for name, default, allowed, description in found:
            lines.append(f"| `{name}` | {_default(default)} | {_cell(allowed)} | {_cell(description)} |")
    return [*lines, ""]


def _default(text: str) -> str:
    return text if text == "required" else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def cli_page() -> str:
    lines = ["# Command line", "", "Generated from the code by `make docs`.", ""]
    for words in ([], ["run"], ["plan"], ["methods"], ["show"]):
        command = ["python", "-m", "curation", *words, "--help"]
        lines += ["```", f"$ {' '.join(command)}", _help(words), "```", ""]
    lines += [
        "Exit codes: 0 done; 2 the recipe or the data cannot be used (one line says why, nothing was started);",
        "1 something failed while running (one line, with the log's path).",
        "",
    ]
    return "\n".join(lines)


def _help(words: list[str]) -> str:
    env = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, "-m", "curation", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
