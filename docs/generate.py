"""Writes docs/methods.md, docs/cli.md and docs/scale.md: `make docs`. `--check` fails when they are out of date."""

from __future__ import annotations

import sys
from pathlib import Path

from typer.testing import CliRunner

from benchmarks import on_paper
from curation.__main__ import app
from curation.engine import registry
from curation.engine.stage import stages
from curation.ui.parts.catalogue import parameters

HERE = Path(__file__).parent


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
    lines += [f"- [{about.title}](#{about.title.lower()}): {about.what}" for about in registry.kinds().values()]
    for kind, about in registry.kinds().items():
        lines += ["", f"## {about.title}", "", f"{about.what[0].upper()}{about.what[1:]}.", ""]
        for method in registry.methods(kind).values():
            lines += _method(method)
    return "\n".join(lines) + "\n"


def _method(method: registry.Method) -> list[str]:
    card, body = method.card, method.doc.strip().split("\n", 1)
    lines = [f"### {method.id}", "", f"**{body[0]}**", ""]
    if len(body) > 1:
        lines += [body[1].strip("\n"), ""]
    facts = {
        "Suits": card.suits,
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
    lines = [
        "# Command line",
        "",
        "Generated from the code by `make docs`. A run goes through these stages, in this order:",
        "",
    ]
    lines += ["| stage | section | methods | |", "|---|---|---|---|"]
    for stage in stages().values():
        title = registry.kinds()[stage.kind].title.lower()
        lines.append(f"| {stage.name} | `{stage.where}` | [{title}](methods.md#{title}) | {_cell(stage.summary)} |")
    lines.append("")
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
    env = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    said = CliRunner().invoke(app, [*words, "--help"], env=env, prog_name="python -m curation").output
    return "\n".join(line.rstrip() for line in said.strip().splitlines())


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
