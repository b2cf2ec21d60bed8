"""The View: what one method may see, already cut to the rows it may see.

A method gets a View and nothing else. Arrays have m rows, one per row of the view, in the items' order, so a
method speaks of positions 0..m-1 and never of ids, files or folders. Reading something the card does not name
in `needs` is an error: it keeps plans honest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from curation.data.chat.rows import Conversations, Responses
from curation.data.contents import Images, TextRows
from curation.data.provided import check, float_rows, take
from curation.data.results import Dynamics, Factors, Neighbours
from curation.errors import InputError

WHOLE = ("class_embeddings", "text_encoder")  # needs that have no row for each item


class View:
    """m rows of a dataset, and the evidence a method declared.

    Built by the runner, or from bare arrays with `View.of(...)` in tests and notebooks. Every property that is
    listed in `curation.card.NEEDS` may be read only by a method whose card names it.
    """

    def __init__(
        self,
        provide: Mapping[str, Callable[[np.ndarray], Any]],
        rows: np.ndarray,
        classes: Sequence[str] = (),
        needs: Sequence[str] | None = None,
        scores: Callable[[str, np.ndarray], np.ndarray] | None = None,
        students: Callable[..., Callable] | None = None,
        label_free: bool = False,
    ):
        """provide: need -> function from item rows to the value for these rows. needs: None allows everything.

        label_free: rows without a label are among them, and have the label -1.
        """
        self.rows = np.asarray(rows)
        self.classes = tuple(classes)
        self._provide, self._needs, self._scores, self._students = provide, needs, scores, students
        self._label_free = label_free
        self._cache: dict[str, Any] = {}

    @classmethod
    def of(cls, *, needs: Sequence[str] | None = None, scores=None, students=None, classes=None, **arrays) -> View:
        """A View over bare arrays: `View.of(embeddings=x, labels=y, scores={"aum": s})`; first axis = rows.

        >>> View.of(labels=np.array([0, 1, 1])).subset([2, 0]).labels
        array([1, 0])
        """
        logits = arrays.get("dynamics")
        sized = logits.logits[0] if logits is not None else next(iter(arrays.values()), ())
        m = len(sized.indices if isinstance(sized, Neighbours | Factors) else sized)
        if classes is None and "labels" in arrays:
            classes = [str(c) for c in range(int(np.max(arrays["labels"], initial=-1)) + 1)]
        table = {name: float_rows(values) for name, values in (scores or {}).items()}
        whole = {name: arrays.pop(name, None) for name in WHOLE}
        return cls(
            {name: (lambda rows, value=value: take(value, rows)) for name, value in arrays.items()}
            | {name: (lambda rows, value=value: value) for name, value in whole.items()},
            np.arange(m),
            classes or (),
            needs=needs,
            scores=lambda name, rows: table[name][rows],
            students=lambda name, **params: partial(students[name], **params),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def subset(self, positions: np.ndarray) -> View:
        """The same view cut to these positions, in this order."""
        part = self._of(self.rows[positions])
        # What was loaded for the whole is cut, not loaded again.
        cut = {name: value for name, value in self._cache.items() if name not in WHOLE}
        part._cache = {name: take(value, np.asarray(positions)) for name, value in cut.items()}
        return part

    def only_train(self) -> View:
        """The train rows alone, as if there were no others: nothing that was loaded beside others is kept."""
        return self._of(self.rows[self.train])

    def _of(self, rows: np.ndarray) -> View:
        """A view of these item rows, with nothing loaded."""
        return View(self._provide, rows, self.classes, self._needs, self._scores, self._students, self._label_free)

    def relabelled(
        self, labels: np.ndarray, classes: Sequence[str], scores: Callable[[str, View], np.ndarray] | None = None
    ) -> View:
        """The same rows under other labels, codes into `classes`; for students that are trained on them.

        scores: (name, this view) -> float [m], where scores have to follow the labels; by default they stay.
        """
        part = self.subset(np.arange(len(self)))
        part.classes, part._cache["labels"] = tuple(classes), np.asarray(labels, np.int64)
        part._cache.pop("soft_labels", None)
        if scores is not None:
            part._scores = lambda name, rows: scores(name, part)
        return part

    def weighted(self, weights: np.ndarray) -> View:
        """The same rows, each counting `weights` [m] for a student: >= 0 on any scale, finite, one above 0."""
        weights = float_rows(weights)
        if weights.shape != (len(self),) or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
            raise InputError(
                f"weights of {len(self):,} rows must be as many finite numbers, none below 0 and not all 0; "
                f"found {weights.shape}, {int((~(weights >= 0)).sum()):,} of them negative or NaN"
            )
        part = self.subset(np.arange(len(self)))
        part._cache["weights"] = weights
        return part

    def softened(self, probabilities: np.ndarray) -> View:
        """The same rows for a student that is to learn these probabilities [m, C], rows >= 0 that sum to 1, instead of
        one label a row."""
        soft = np.asarray(probabilities, np.float32)
        shape = (len(self), len(self.classes))
        if soft.shape != shape or not (soft >= 0).all() or (abs(soft.sum(1) - 1) > 1e-3).any():
            raise InputError(
                f"soft labels of {len(self):,} rows and {len(self.classes)} classes must be as many rows and columns "
                f"of numbers >= 0, every row with the sum 1; found {soft.shape}"
            )
        part = self.subset(np.arange(len(self)))
        part._cache["soft_labels"] = soft
        return part

    def linked(self, graph: Neighbours) -> View:
        """The same rows with other neighbours: positions in this view, such as a graph of one class alone."""
        part = self.subset(np.arange(len(self)))
        part._cache["neighbours"] = graph
        return part

    def asking(
        self,
        known: np.ndarray,
        predict: Callable[[], np.ndarray],
        costs: np.ndarray | None = None,
        needs: Sequence[str] | None = None,
    ) -> View:
        """The same rows as a query sees them: `known` int64 [m], and `predict`, which fits a model when it is asked.

        costs: float [m], by default 1 for every row. needs: what the query may read; the labels are not among it.
        """
        order = np.argsort(self.rows)
        # By rows, so that a cut of this view made before anybody looked gets its own part.
        at = lambda rows: order[np.searchsorted(self.rows, rows, sorter=order)]  # noqa: E731
        provide = {**self._provide, "predicted": lambda rows: predict()[at(rows)]}
        part = View(provide, self.rows, self.classes, needs, self._scores, self._students)
        part._cache = dict(self._cache)
        part._cache["known"] = np.asarray(known, np.int64)
        part._cache["costs"] = np.ones(len(self)) if costs is None else float_rows(costs)
        return part

    @property
    def train(self) -> np.ndarray:
        """int64 positions of the train rows, for what sees all rows and may fit on these only. Needs no declaring."""
        return self._positions("train")

    @property
    def pool(self) -> np.ndarray:
        """int64 positions of the rows that are not held out, train and unlabelled ones. Needs no declaring."""
        return self._positions("pool")

    def _positions(self, which: str) -> np.ndarray:
        provide = self._provide.get(which)  # rows -> positions among them; not cached: a cut renumbers them
        return np.arange(len(self)) if provide is None else provide(self.rows)

    @property
    def weights(self) -> np.ndarray | None:
        """float64 [m] with mean 1, how much each row counts for a student; None = all the same. Needs no declaring."""
        weights = self._cache.get("weights")
        return None if weights is None else weights / weights.mean()

    @property
    def soft_labels(self) -> np.ndarray | None:
        """float32 [m, C], what a student is to learn instead of `labels`; None = the labels. Needs no declaring."""
        return self._cache.get("soft_labels")

    def evidence(self, name: str) -> Any:
        """Evidence by what it is called, for kinds that have no property here."""
        return self._get(name)

    def _get(self, name: str) -> Any:
        if self._needs is not None and name not in self._needs:
            raise LookupError(f"this method reads {name!r}, which its card does not name in `needs`")
        if name not in self._cache:
            value = self._provide[name](self.rows)
            check(name, value, self._label_free)
            self._cache[name] = value
        return self._cache[name]

    @property
    def ids(self) -> np.ndarray:
        """object [m], the items' ids; for what aligns files a person brings, nothing else needs them."""
        return self._get("ids")

    @property
    def kinds(self) -> np.ndarray:
        """object [m]: what each item is, "image", "text", "pair" or "chat"; None where it is features alone."""
        return self._get("kinds")

    @property
    def labels(self) -> np.ndarray:
        """int64 [m] codes into `classes`; -1 for no label, where the card says rows = "all"."""
        return self._get("labels")

    @property
    def groups(self) -> np.ndarray:
        """int64 [m]; equal numbers = must stay together: exact copies, one patient or video, parts of one image."""
        return self._get("groups")

    @property
    def copies(self) -> np.ndarray:
        """int64 [m]; equal numbers = equal content (exact duplicates)."""
        return self._get("copies")

    @property
    def embeddings(self) -> np.ndarray:
        """float32 [m, d], C-contiguous. Read-only."""
        return self._get("embeddings")

    @property
    def class_embeddings(self) -> np.ndarray:
        """float32 [C, d], unit rows: the class names as the encoder's text tower sees them.

        Raises InputError where the encoder has no text tower.
        """
        return self._get("class_embeddings")

    @property
    def text_encoder(self) -> Callable[[list[str]], np.ndarray]:
        """k texts -> float32 [k, d], by the encoder of `embeddings`. Raises InputError where that reads no texts."""
        return self._get("text_encoder")

    @property
    def text_embeddings(self) -> np.ndarray:
        """float32 [m, d]: the captions of pairs, in the space of the images' embeddings.

        Raises InputError where the items are no pairs, or the encoder has no text tower.
        """
        return self._get("text_embeddings")

    @property
    def features(self) -> np.ndarray:
        """float [m, d] the source brought along."""
        return self._get("features")

    @property
    def images(self) -> Images:
        """The m images, decoded when asked for."""
        return self._get("images")

    @property
    def texts(self) -> TextRows:
        """The m texts, read when asked for: by position, in turn, or all at once with `list`."""
        return self._get("texts")

    @property
    def chats(self) -> Conversations:
        """The m conversations, read when asked for. Raises InputError where the items are none."""
        return self._get("chats")

    @property
    def responses(self) -> Responses:
        """What a model learns from each of the m items: the answers of a conversation, else the item's text."""
        return self._get("responses")

    @property
    def pixels(self) -> np.ndarray:
        """uint8 [m, s, s, 3], every image at one small size; see evidence `pixels`."""
        return self._get("pixels")

    @property
    def neighbours(self) -> Neighbours:
        return self._get("neighbours")

    @property
    def probabilities(self) -> np.ndarray:
        """float64 [m, C], out-of-fold: no row was predicted by a model that was trained on it, and only train rows
        trained any."""
        return self._get("probabilities")

    @property
    def in_fold(self) -> np.ndarray:
        """float64 [m, C], mean probabilities of the fold students that were trained on the item; NaN if none was.

        Raises InputError where the probabilities were brought along.
        """
        return self._get("in_fold")

    @property
    def second_opinion(self) -> np.ndarray:
        """float64 [m, C], out-of-fold as well, by students taught without the items whose label is doubtful."""
        return self._get("second_opinion")

    @property
    def factors(self) -> Factors:
        """Every item as a few factors of a dictionary fitted on the embeddings."""
        return self._get("factors")

    @property
    def dynamics(self) -> Dynamics:
        return self._get("dynamics")

    @property
    def network(self):
        """The recorded student at its checkpoints, to differentiate: a `training.checkpoints.Network` of m inputs.

        Raises InputError where the recorded run was brought along, or the student kept no weights.
        """
        return self._get("network")

    @property
    def known(self) -> np.ndarray:
        """int64 [m] codes into `classes`, -1 = not labelled yet: a row the query may ask for."""
        return self._get("known")

    @property
    def predicted(self) -> np.ndarray:
        """float64 [m, C], rows sum to 1: what a model fitted on the known rows thinks of all rows.

        Raises InputError where too little is known to fit one.
        """
        return self._get("predicted")

    @property
    def costs(self) -> np.ndarray:
        """float64 [m] > 0, what it costs to have a row labelled."""
        return self._get("costs")

    def score(self, name: str) -> np.ndarray:
        """float64 [m] of a score named by a `Ref("scores")` parameter. Higher = harder."""
        return self._scores(name, self.rows)

    def student(self, name: str, **params: Any) -> Callable:
        """A student named by a `Ref("students")` parameter: `train(view, *, seed, record, progress) -> Predictor`.

        It comes with its own parameters; `params` override some.
        """
        return self._students(name, **params)
