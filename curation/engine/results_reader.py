"""Turns finished results into the View one step may see.

One reader serves one run (or one app session) and keeps the items. Files are mapped anew for every step, so that the
pages it read of them leave the memory with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.chat.rows import Conversations, Responses, is_chat
from curation.data.contents import Images, TextRows
from curation.data.decisions import EffectiveDecisions
from curation.data.effective_labels import effective_labels, holds
from curation.data.items import TRAIN, UNLABELED, Items
from curation.data.provided import take
from curation.data.results import Neighbours
from curation.data.view import View
from curation.data.workspace import Workspace
from curation.engine import registry, results
from curation.engine.plan import Step
from curation.engine.text_query import text_encoder
from curation.errors import InputError
from curation.maths.similarity.index import Exact, Index, Inverted

Mapped = dict[tuple[str, str], tuple[np.ndarray, Any]]  # the files of one step: (stage, key) -> item rows, value


class ResultReader:
    """Items, labels in force, and finished results of one workspace, read once."""

    def __init__(
        self, workspace: Workspace, source_key: str, effective: EffectiveDecisions, items: Items | None = None
    ):
        """items: what the source step read, where somebody holds it already."""
        self.workspace, self.source_key, self.effective = workspace, source_key, effective
        self.items = items if items is not None else Items.load(workspace.path("source", source_key))

    @cached_property
    def _in_force(self) -> tuple[tuple[str, ...], np.ndarray]:
        return effective_labels(self.items, self.effective)

    @property
    def classes(self) -> tuple[str, ...]:
        """The source's classes, then those a person added, in natural order."""
        return self._in_force[0]

    @property
    def labels(self) -> np.ndarray:
        """Labels in force as int64 codes [n] into `classes`, -1 where there is none."""
        return self._in_force[1]

    @cached_property
    def label_names(self) -> np.ndarray:
        """Labels in force, object [n]; None where there is none. Also of items that cannot be used."""
        given = self.items.column("label")
        return np.where(self.labels >= 0, np.array([*self.classes, None], object)[self.labels], given)

    @cached_property
    def train(self) -> np.ndarray:
        """Usable train rows, ascending: the source's, and rows without a label that a person gave one."""
        labelled_by_hand = self.items.has("split", UNLABELED) & (self.labels >= 0)
        return np.flatnonzero(self.items.ok & (self.items.has("split", TRAIN) | labelled_by_hand))

    @cached_property
    def pool(self) -> np.ndarray:
        """Usable train and unlabelled rows, ascending: no label given ever changes it."""
        return self.items.rows(TRAIN, UNLABELED)

    @cached_property
    def _in_pool(self) -> np.ndarray:
        """bool [n]: the rows of `pool`."""
        return np.bincount(self.pool, minlength=len(self.items)) > 0

    @cached_property
    def usable(self) -> np.ndarray:
        """All usable rows, whatever their split."""
        return np.flatnonzero(self.items.ok)

    @cached_property
    def labelled(self) -> np.ndarray:
        """Usable rows with a label in force, whatever their split."""
        return np.flatnonzero(self.items.ok & (self.labels >= 0))

    @cached_property
    def candidates(self) -> np.ndarray:
        """Train rows a pruner may choose from: what a person dropped is not there."""
        return self.train[~self.holds(self.effective.dropped)[self.train]]

    def holds(self, ids: Mapping[str, Any]) -> np.ndarray:
        """bool [n]: items whose id is in `ids`."""
        return holds(self.items, ids)

    def rows(self, which: str) -> np.ndarray:
        """The rows a card asks for: "train", "pool", "labelled" or "all"."""
        return getattr(self, "usable" if which == "all" else which)

    def rows_of(self, step: Step) -> np.ndarray:
        """The rows a step's card asks for. Raises InputError where it judges labels and there is none."""
        which = step.extra.get("rows", step.method.card.rows)
        found = self.rows(which)
        if which == "labelled" and not len(found):
            raise InputError(no_labels(f"{step.label} needs", self.items))
        return found

    def view(
        self,
        step: Step,
        rows: np.ndarray,
        student: Callable[[str], Callable] | None = None,
        *,
        as_read: bool = False,
    ) -> View:
        """What `step` may see of `rows`: exactly what it reads, nothing else.

        as_read: train rows and classes are those of the source, so that no label given changes the result.
        """
        mapped: Mapped = {}
        provide = {need: self._provider(need, step, mapped) for need in step.reads}
        train = self.items.rows(TRAIN) if as_read else self.train
        provide["train"] = lambda rows: np.flatnonzero(np.isin(rows, train))
        provide["pool"] = lambda rows: np.flatnonzero(np.isin(rows, self.pool))
        return View(
            provide,
            rows,
            self.items.classes if as_read else self.classes,
            needs=(*step.reads, "train"),
            scores=lambda name, rows: self._cut("score", step.inputs[f"score:{name}"], rows, mapped).astype(np.float64),
            students=student,
            label_free=step.method.card.rows == "all" or step.method.card.unlabelled,
        )

    def index(self, step: Step) -> Index:
        """What finds the neighbours of a row of the pool; see evidence `similarity`."""
        key = step.inputs["similarity"]
        stored = results.load(self.folder("evidence", key))
        if len(stored):
            return Inverted(stored, self.workspace.card("evidence", key)["params"]["probes"])
        own, whole = self._load("encode", step.inputs["embeddings"], {})
        rows = results.positions(own, self.pool)
        return Exact(whole, None if len(rows) == len(own) else rows)

    def folder(self, stage: str, key: str) -> Path:
        return self.workspace.path(stage, key)

    # ------------------------------------------------------------------------------------------------------

    def _provider(self, need: str, step: Step, mapped: Mapped) -> Callable[[np.ndarray], Any]:
        inputs = step.inputs
        if need == "ids":
            return lambda rows: self.items.column("id")[rows]
        if need == "kinds":
            return lambda rows: self.items.column("kind")[rows]
        if need == "labels":
            return lambda rows: self._labels(rows, step)
        if need == "groups":
            return lambda rows: self.items.groups[rows]
        if need == "copies":
            return lambda rows: self.items.copies[rows]
        if need == "images":
            return self._images
        if need == "texts":
            return self._texts
        if need == "chats":
            return self._chats
        if need == "responses":
            return lambda rows: Responses(self._chats(rows) if is_chat(self.items) else self._texts(rows))
        if need == "features":
            return self._features
        if need == "embeddings":
            return lambda rows: self._embeddings(inputs["embeddings"], rows, mapped)
        if need == "text_embeddings":
            return lambda rows: self._embeddings(inputs["embeddings"], rows, mapped, need)
        if need == "class_embeddings":
            return lambda rows: self._class_embeddings(inputs["embeddings"])
        if need == "text_encoder":
            return lambda rows: self._text_encoder(inputs["embeddings"])
        if need == "network":
            return lambda rows: self._network(step, rows)
        part = "" if need == registry.evidence().get(need) else need  # what a result gives beside its own value
        return lambda rows: self._cut("evidence", inputs[need], rows, mapped, part)

    def _labels(self, rows: np.ndarray, step: Step) -> np.ndarray:
        card, found = step.method.card, self.labels[rows]
        if len(found) and not (card.rows == "all" or card.unlabelled or (self.labels >= 0).any()):
            raise InputError(no_labels(f"{step.label} needs", self.items))
        return found

    def _images(self, rows: np.ndarray) -> Images:
        if not self.items.has_images:
            what = "the items are texts" if self.items.has_texts else "this source has features only"
            raise InputError(f"{what}: use a method that needs no images")
        return Images(self.items, rows)

    def _chats(self, rows: np.ndarray) -> Conversations:
        if not is_chat(self.items):
            raise InputError("these items are no conversations: it reads those of the source chat only")
        return Conversations(self.items, rows)

    def _texts(self, rows: np.ndarray) -> TextRows:
        if not self.items.has_texts:
            raise InputError("the items of this source have no text: use a method that needs none")
        return TextRows(self.items, rows)

    def _features(self, rows: np.ndarray) -> np.ndarray:
        if self.items.features is None:
            raise InputError("this source has no features of its own: choose an encoder that computes them")
        whole = results.reopened(self.items.features)
        return np.asarray(whole if np.array_equal(rows, np.arange(len(whole))) else whole[rows])  # all: never copied

    def _embeddings(self, key: str, rows: np.ndarray, mapped: Mapped, name: str = "embeddings") -> np.ndarray:
        own, whole = self._load("encode", key, mapped)
        if name != "embeddings" and (whole := results.load(self.folder("encode", key), name)) is None:
            raise InputError(
                "there are no captions in the space of the images: the items must be image-text pairs, and the encoder "
                "one that reads text, such as open_clip"
            )
        cut = whole if np.array_equal(own, rows) else whole[results.positions(own, rows)]  # all of it: never copied
        return np.ascontiguousarray(cut, dtype=np.float32)

    def _class_embeddings(self, key: str) -> np.ndarray:
        found = results.load(self.folder("encode", key), "class_embeddings")
        if found is None:
            raise InputError(
                "this encoder cannot read text, so class names cannot be compared with images; use open_clip"
            )
        added = len(self.classes) - len(found)  # classes a person added after encoding: unlike everything
        return np.pad(np.asarray(found, np.float32), ((0, added), (0, 0)))

    def _text_encoder(self, key: str) -> Callable[[list[str]], np.ndarray]:
        folder = self.folder("encode", key)
        card = results.read_json(folder / "card.json")
        method = registry.get("encoders", card["use"])
        return text_encoder(method, method.validated(card["params"], "[encode]"), folder)

    def _network(self, step: Step, rows: np.ndarray) -> Any:
        key = step.inputs["network"]
        name = results.read_json(self.folder("evidence", key) / "card.json")["params"]["student"]
        _, run = self._load("evidence", key, {})
        if run.weights is None:
            raise InputError(f"the recorded run kept no weights of {name}; record it again")
        build = registry.get("students", name).network
        return build(self.view(step, rows), run.weights, run.kept, **step.students[name])

    def _cut(self, stage: str, key: str, rows: np.ndarray, mapped: Mapped, part: str = "") -> Any:
        own, value = self._load(stage, key, mapped)
        if isinstance(value, Neighbours) and value.pool is not None and self._in_pool[rows].all():
            if ("pool", key) not in mapped:  # no held-out row has a place in their lists
                mapped["pool", key] = own[self._in_pool[own]], value.pool
            own, value = mapped["pool", key]
        if part:
            value = results.load(self.folder(stage, key), part)
            if value is None:
                raise InputError(f"{part} is not known: the {stage} was brought along, not computed here")
        return value if np.array_equal(own, rows) else take(value, results.positions(own, rows))

    def _load(self, stage: str, key: str, mapped: Mapped) -> tuple[np.ndarray, Any]:
        if (stage, key) not in mapped:
            folder = self.folder(stage, key)
            value = results.load(folder, "embeddings") if stage == "encode" else results.load_evidence(folder)
            mapped[stage, key] = (np.asarray(results.load(folder, "rows")), value)
        return mapped[stage, key]


def no_labels(what: str, items: Items) -> str:
    """Why labels cannot be had. what: who needs them, with its verb."""
    if items.multi_label:
        return f"{what} one label per item and these items have several each; take what does without labels"
    return f"{what} labels and no item has one; take what does without labels, or label some"
