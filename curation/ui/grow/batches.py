"""The batch that is being labelled, as it is on the disk, and how far a person is with it.

A batch is the result of a query step. Every label given makes the next batch another step, so the one that was asked
for is remembered in the project's folder: reloading the page, or coming back tomorrow, finds it on the desk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.decisions import Decision
from curation.data.items import UNLABELED, Items
from curation.data.workspace import write_text
from curation.engine import results
from curation.engine.plan import Plan
from curation.engine.recipe import Recipe
from curation.engine.stage import Section
from curation.engine.stages.query import Grow
from curation.training.active_learning import OTHERS
from curation.ui.grow import own_labels
from curation.ui.state.item_state import ItemState

WHY = "grow"  # why a label was given here, in the decision
SKIPPED = "skipped while growing"
ASKED = "grow.json"  # names the batch that was asked for last


@dataclass(frozen=True)
class Batch:
    """key: of its query step. rows: int64, item rows in the order to ask. predicted: float32 [b, C], what the model
    made of them, None where there was none; its columns are `classes`. card: what the step says of itself."""

    key: str
    rows: np.ndarray
    predicted: np.ndarray | None
    classes: tuple[str, ...]
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What the step says of the batch; why there is no model is said where its guess would stand."""
        return [note for note in self.card.get("notes", ()) if note != self.card.get("lacks")]

    def guess(self, row: int) -> tuple[str, float] | None:
        """The model's best guess for an item and its probability."""
        best = self.guesses(row, 1)
        return best[0] if best else None

    def guesses(self, row: int, most: int = 3) -> list[tuple[str, float]]:
        """The model's guesses for an item, most likely first."""
        if self.predicted is None:
            return []
        p = self.predicted[self.rows == row][0]
        return [(self.classes[code], float(p[code])) for code in np.argsort(-p, kind="stable")[:most]]

    def sure(self, rows: np.ndarray, above: float) -> tuple[np.ndarray, list[str]]:
        """The rows whose best guess has at least this probability, and the guess for each."""
        if self.predicted is None:
            return rows[:0], []
        place = {int(row): at for at, row in enumerate(self.rows)}
        p = self.predicted[[place[int(row)] for row in rows]].reshape(len(rows), -1)
        hit = p.max(axis=1, initial=0) >= above
        return rows[hit], [self.classes[code] for code in p[hit].argmax(axis=1)] if hit.any() else []


def with_map(recipe: Recipe, grow: Grow | None = None) -> Recipe:
    """The recipe with what growing shows: a map, by default one that is instant. grow: in the place of its own."""
    return recipe.model_copy(update={"map": recipe.map or Section(use="pca"), "grow": grow or recipe.grow})


def current(the_plan: Plan, history: Sequence[Decision]) -> Batch | None:
    """The batch on the desk; None before the first. the_plan: of today's labels.

    The one a person asked for on the page; else the one that fits today's labels, or the last on the way to them, as a
    run from the command line may have left it.
    """
    step, space = the_plan.find("query"), the_plan.workspace
    if step is None:
        return None
    asked = results.read_json(space.folder / ASKED)["key"] if (space.folder / ASKED).exists() else ""
    if asked and space.done("query", asked):
        batch = load(space.path("query", asked))
        if all(batch.card["inputs"].get(name) == step.inputs.get(name) for name in ("source", "embeddings")):
            return batch
    if the_plan.done(step):
        return load(the_plan.workspace.path("query", step.key))
    cards = own_labels.curve(the_plan, history)
    if not cards:
        return None
    for path in sorted(the_plan.workspace.path("query", "").glob("[!.]*/card.json")):
        if results.read_json(path) == cards[-1]:
            return load(path.parent)
    return None


def remember(the_plan: Plan) -> None:
    """The batch of this plan is what a person asks for now."""
    write_text(the_plan.workspace.folder / ASKED, json.dumps({"key": the_plan.find("query").key}) + "\n")


def load(folder: Path) -> Batch:
    """A batch from the folder of its step."""
    card = results.read_json(folder / "card.json")
    predicted = results.load(folder, "predicted")
    return Batch(
        folder.name,
        np.asarray(results.load(folder, "rows"), np.int64),
        None if predicted is None else np.asarray(predicted),
        tuple(card["classes"]),
        card,
    )


# -- where a person stands -------------------------------------------------------------------------------------


def answered(state: ItemState) -> np.ndarray:
    """bool [n]: items that are labelled, skipped or dropped."""
    return (state.labels >= 0) | state.queued | state.dropped


def waiting(items: Items, state: ItemState) -> np.ndarray:
    """Item rows that the source has no label for and nobody has labelled yet."""
    return np.flatnonzero(items.has("split", UNLABELED) & items.ok & ~answered(state))


def unlabelled(items: Items) -> int:
    """How many usable items the source has no label for, labelled since or not."""
    return len(items.rows(UNLABELED))


def following(rows: np.ndarray, done: np.ndarray, at: int | None) -> int | None:
    """The next item of the batch without an answer, from the start again after the last; None when there is none.

    >>> following(np.array([4, 2, 7]), np.isin(np.arange(9), [7]), 2)
    4
    """
    place = int(np.flatnonzero(rows == at)[0]) + 1 if at is not None and (rows == at).any() else 0
    turned = np.roll(rows, -place)
    still = turned[~done[turned]]
    still = still[still != at] if at is not None else still
    return int(still[0]) if len(still) else None


def offered(batch: Batch, classes: Sequence[str], counts: np.ndarray, row: int, most: int = 10) -> list[str]:
    """The classes that get a number key: all of them while there are keys enough; else the model's best guesses of
    this item, and before there is a model the classes that were given most.

    counts: int [C], items that have each of `classes`.
    """
    if batch.classes[:1] == (OTHERS,):  # one class against all others comes first
        names = [batch.classes[1], OTHERS]
        rest = [name for name in classes if name not in names]
        return names + (rest if len(rest) + 2 <= most else [])
    if len(classes) <= most:
        return list(classes)
    if batch.predicted is not None:
        return [name for name, _ in batch.guesses(row, most - 1)]
    return [classes[code] for code in np.argsort(-counts, kind="stable")[: most - 1]]


def progress(rows: np.ndarray, state: ItemState) -> tuple[int, int, int]:
    """(labelled, skipped or dropped, left) among the items of a batch."""
    labelled = int((state.labels[rows] >= 0).sum())
    left = int((~answered(state)[rows]).sum())
    return labelled, len(rows) - labelled - left, left
