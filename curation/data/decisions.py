"""What a person decides is data: an append-only table of (id, action, value, why, when), never rewritten.

Undo appends too. A decision is on the disk when `add` returns (SQLite, WAL, synchronous=FULL), so a killed server
loses nothing a person saw answered. `fold` turns the history into what is in force.

actions: relabel (value = the right label)   confirm (the given label is right)   drop (leave this item out)
         keep (keep it whatever a pruner says)   review (put it in the review queue)   undo (value = a batch)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from curation.data import database
from curation.errors import InputError

Action = Literal["relabel", "confirm", "drop", "keep", "review"]


@dataclass(frozen=True)
class Decision:
    id: str
    action: str
    value: str | None = None
    why: str = ""
    batch: int = 0  # decisions made by one click, undone together
    at: str = ""  # UTC, ISO 8601


@dataclass
class EffectiveDecisions:
    """What the decisions add up to, by item id."""

    labels: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)  # id -> why
    pinned: dict[str, str] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    queued: dict[str, str] = field(default_factory=dict)  # sent to review by hand, not yet decided

    def decided(self, id_: str) -> bool:
        return id_ in self.labels or id_ in self.dropped or id_ in self.confirmed or id_ in self.pinned


def checked_value(action: str, value: object) -> str | None:
    """What a decision says beside its action: for a relabel the new label, trimmed as labels are. Raises InputError.

    >>> checked_value("relabel", " dog "), checked_value("drop", None)
    ('dog', None)
    """
    if value is not None and not isinstance(value, str):
        raise InputError(f"value = {value!r}: expected a text; put it between quotes")
    label = unicodedata.normalize("NFC", value or "").strip()
    if action == "relabel" and not label:
        raise InputError("a relabel needs the new label; the name given is empty")
    return label or None


def unknown(effective: EffectiveDecisions, known: Mapping[str, int]) -> list[str]:
    """Ids that were decided about and are not among `known`: their decisions change nothing."""
    decided = (effective.labels, effective.dropped, effective.pinned, effective.confirmed, effective.queued)
    return sorted({id_ for part in decided for id_ in part if id_ not in known})


def fold(decisions: Iterable[Decision]) -> EffectiveDecisions:
    """The last word on each item. Undone batches count as never made.

    >>> fold([Decision("a", "relabel", "cat"), Decision("a", "confirm"), Decision("b", "drop", why="blurred")])
    EffectiveDecisions(labels={}, dropped={'b': 'blurred'}, pinned={}, confirmed={'a'}, queued={})
    """
    decisions = list(decisions)
    undone = {int(d.value) for d in decisions if d.action == "undo"}
    state = EffectiveDecisions()
    for d in decisions:
        if d.action == "undo" or d.batch in undone:
            continue
        if d.action == "review":
            state.queued[d.id] = d.why
            continue
        state.queued.pop(d.id, None)
        state.dropped.pop(d.id, None)  # whatever is decided next, the item is back
        if d.action == "relabel":
            state.labels[d.id] = d.value
            state.confirmed.discard(d.id)
        elif d.action == "confirm":
            state.labels.pop(d.id, None)
            state.confirmed.add(d.id)
        elif d.action == "drop":
            state.dropped[d.id] = d.why
            state.pinned.pop(d.id, None)
        else:
            state.pinned[d.id] = d.why
    return state


class DecisionLog:
    """The decisions of one workspace, in `decisions.sqlite`. Cheap to open; any number of readers and writers."""

    def __init__(self, workspace: Path):
        self.path = workspace / "decisions.sqlite"

    def add(self, ids: Sequence[str], action: Action, value: str | Sequence[str] | None = None, why: str = "") -> int:
        """Record one action on one or more items; durable on return. Returns the batch number, for undo.

        value: the same for all, or one for each of `ids`.
        """
        if action not in get_args(Action):
            raise InputError(f"unknown action {action!r}; expected one of: {', '.join(get_args(Action))}")
        values = [value] * len(ids) if value is None or isinstance(value, str) else list(value)
        values = [checked_value(action, v) for v in values]
        return self._append([(id_, action, v, why) for id_, v in zip(ids, values, strict=True)])

    def undo(self) -> list[Decision]:
        """Take back the last batch that still stands; returns what it held, empty when there is nothing left."""
        history = self.all()
        undone = {int(d.value) for d in history if d.action == "undo"}
        standing = [d.batch for d in history if d.action != "undo" and d.batch not in undone]
        if not standing:
            return []
        self._append([("", "undo", str(standing[-1]), "")])
        return [d for d in history if d.batch == standing[-1] and d.action != "undo"]

    def stamp(self) -> tuple[int, str]:
        """Names the state of the history, however long it is: (decisions so far, when the last one was made)."""
        last = database.rows(self.path, "SELECT seq, at FROM decision ORDER BY seq DESC LIMIT 1")
        return last[0] if last else (0, "")

    def all(self) -> list[Decision]:
        """The whole history, oldest first."""
        query = "SELECT id, action, value, why, batch, at FROM decision ORDER BY seq"
        return [Decision(*row) for row in database.rows(self.path, query)]

    def _append(self, rows: list[tuple[str, str, str | None, str]]) -> int:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with database.writing(self.path, _TABLE) as db:  # a batch is there as a whole or not at all
            (batch,) = db.execute("SELECT COALESCE(MAX(batch), 0) + 1 FROM decision").fetchone()
            db.executemany(
                "INSERT INTO decision (id, action, value, why, batch, at) VALUES (?, ?, ?, ?, ?, ?)",
                [(*row, batch, now) for row in rows],
            )
        return batch


_TABLE = (
    "decision (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, action TEXT NOT NULL, value TEXT, why TEXT NOT NULL,"
    " batch INTEGER NOT NULL, at TEXT NOT NULL)"
)
