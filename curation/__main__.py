"""Winnow without a screen: `python -m curation run recipe.toml`.

Exit code 0: done. 2: the recipe or the data cannot be used, one line says why, nothing was started.
1: something failed while running, one line says what, with the log's path.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from curation import cli_app
from curation.engine.stage import stages
from curation.engine.stage import until as stages_until
from curation.errors import RecipeError, WinnowError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=f"Curate a labelled dataset from a recipe: {', '.join(stages())}.",
)
out, err = Console(), Console(stderr=True)

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a TOML file; see docs/recipe.md.")]
WorkspacePath = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="Folder for the results; by default workspaces/<name of the recipe>."),
]
Stage = Annotated[
    str | None,
    typer.Option(metavar="STAGE", help=f"Compute the stages up to this one: {', '.join(stages())}."),
]
Targets = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", metavar="TARGET", help="Compute only this and what it needs; may be repeated. "
                 "A stage, or one of its sections, such as prune:half, flag:consensus, export:0."),
]  # fmt: skip


@app.command()
def run(
    recipe: RecipePath,
    workspace: WorkspacePath = None,
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to compute.")] = "auto",
    until: Stage = None,
    target: Targets = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end, on stdout.")] = False,
    engine: Annotated[
        str | None, typer.Option(metavar="ENGINE", help="Who computes: local, processes or ray[:address].")
    ] = None,
) -> None:
    """Run a recipe: compute what is missing, write the exports. A second run does no work."""
    from curation.engine.recipe import Engine, load_recipe
    from curation.engine.run import run as run_recipe

    with _Bar(quiet=as_json) as bar:
        outcome = run_recipe(
            load_recipe(recipe),
            _workspace(recipe, workspace),
            targets=_targets(until, target),
            device=device,
            on_progress=bar.show,
            engine=Engine.parse(engine) if engine else None,
        )
    if as_json:
        print(json.dumps(outcome.json()))
        _mind(outcome.failed)
        return
    for note in outcome.notes:
        out.print(note, style="dim", markup=False)
    done = sum(not step["cached"] for step in outcome.steps)
    seconds = sum(step["seconds"] for step in outcome.steps if not step["cached"])
    out.print(f"{done} of {len(outcome.steps)} steps computed in {seconds:.1f} s; the others were there already.")
    for stage in stages().values():
        if stage.table and (rows := outcome.reports[stage.report]):
            _print(stage.table(rows))
    _mind(outcome.failed)


@app.command()
def plan(recipe: RecipePath, workspace: WorkspacePath = None, until: Stage = None, target: Targets = None) -> None:
    """Show what a run would do: which steps are there already, which would run, and what they cost."""
    from curation.data.workspace import Workspace
    from curation.engine.plan import plan as make_plan
    from curation.engine.recipe import load_recipe

    space = Workspace(_workspace(recipe, workspace))
    made = make_plan(load_recipe(recipe), space, _targets(until, target))
    table = Table("step", "method", "state", "cost", "key", box=None, pad_edge=False)
    for step in made.steps:
        state = "there" if made.done(step) else (step.method.unavailable(step.params) or "to run")
        table.add_row(step.label, step.method.card.title, state, step.method.card.cost, step.key)
    out.print(table)


@app.command()
def methods(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="sources, encoders, scores, ...")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """List all methods: what each is good for and what it is blind to."""
    from curation.engine import registry
    from curation.errors import nearest

    if kind is not None and kind not in registry.kinds():
        raise RecipeError(f"unknown kind {kind!r}; {nearest(kind, registry.kinds())}")
    found = [m for m in registry.all_methods() if kind in (None, m.kind)]
    if as_json:
        print(json.dumps([_described(method) for method in found]))
        return
    table = Table("kind", "method", "what it does", "blind to", box=None, pad_edge=False)
    for method in found:
        table.add_row(method.kind, method.id, method.summary, method.card.blind_to)
    out.print(table)


@app.command()
def show(workspace: Annotated[Path, typer.Argument(metavar="WORKSPACE", help="A workspace folder.")]) -> None:
    """List what a workspace holds, with the card of each result."""
    from curation.data.workspace import Workspace
    from curation.errors import WorkspaceError

    if not (workspace / "winnow.json").exists():
        raise WorkspaceError(f"{workspace} is not a workspace: it holds no winnow.json")
    table = Table("stage", "method", "seconds", "device", "created (UTC)", "key", "notes", box=None, pad_edge=False)
    shown = ("rows", "dim", "flagged", "kept", "recall", "accuracy")
    for card in Workspace(workspace).cards():
        notes = ", ".join(f"{k} {card[k]:.4g}" for k in shown if isinstance(card.get(k), int | float))
        created = card["created"][:19].replace("T", " ")
        table.add_row(
            card["stage"], card["name"], f"{card['seconds']:.2f}", card["device"], created, card["key"], notes
        )
    out.print(table)


app.command()(cli_app.app)
app.command()(cli_app.quickstart)


@app.command(hidden=True)
def job(workspace: Path, number: int, device: str = "auto") -> None:
    """Run one job of a workspace's queue; the app starts this in a process of its own."""
    from curation.engine.jobs import work

    work(workspace, number, device)


def _workspace(recipe: Path, workspace: Path | None) -> Path:
    return workspace if workspace is not None else Path("workspaces") / recipe.stem


def _targets(until: str | None, targets: list[str] | None) -> tuple[str, ...] | None:
    """What to have, as `plan` takes it."""
    if until is not None and targets:
        raise RecipeError("--until and --target: give one of them")
    return stages_until(until) if until is not None else tuple(targets) if targets else None


def _print(lines: list[list[str]]) -> None:
    """A table, the header first; a single column as it is, so that a long path stays in one piece."""
    if len(lines[0]) == 1:
        for line in lines[1:]:
            out.print(f"{lines[0][0]} {line[0]}", markup=False, highlight=False, soft_wrap=True)
        return
    table = Table(*lines[0], box=None, pad_edge=False)
    for line in lines[1:]:
        table.add_row(*line)
    out.print(table)


def _described(method) -> dict:
    schema = method.params.model_json_schema()
    return {
        "kind": method.kind,
        "id": method.id,
        "title": method.card.title,
        "summary": method.summary,
        "blind_to": method.card.blind_to,
        "cost": method.card.cost,
        "needs": method.card.needs,
        "tags": method.card.tags,
        "paper": method.card.paper,
        "version": method.card.version,
        "parameters": schema.get("properties", {}),
        "required": schema.get("required", []),
        "missing": method.missing(),
    }


def _mind(failed: list[str]) -> None:
    """Everything else is done; the trials that failed make the exit code 1."""
    from curation.engine.jobs import trials_that_failed

    if failed:
        err.print(trials_that_failed(failed), markup=False)
        raise typer.Exit(1)


class _Bar:
    """One line of progress on stderr, silent when the output is for a machine."""

    def __init__(self, quiet: bool):
        self.status = err.status("starting") if not quiet and err.is_terminal else None

    def __enter__(self) -> _Bar:
        if self.status:
            self.status.start()
        return self

    def __exit__(self, *_) -> None:
        if self.status:
            self.status.stop()

    def show(self, progress) -> None:
        if self.status:
            share = f" {progress.done:,} of {progress.total:,}" if progress.total else ""
            self.status.update(f"{progress.step} of {progress.steps}: {progress.label}{share} {progress.message}")


def main() -> None:
    # The map is drawn in a process beside the others: threads that wait by spinning would take its core away.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except WinnowError as error:
        err.print(f"{error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except OSError as error:  # a disk or a file that could not be foreseen; what was finished stays finished
        said = f"{(error.strerror or str(error)).lower()}" + (f": {error.filename}" if error.filename else "")
        err.print(said, style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
