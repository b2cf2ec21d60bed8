"""Training dynamics from a file: a run of your own model, epoch by epoch.

`[evidence.dynamics] path = "run"` puts it in the place of the run Winnow would record. Take the folder that a
`curation.Recorder` wrote in your training loop, or an .npz with `logits` [E, n, C] and `ids`; `classes` (their order),
`mode` and `features` [n, h] of the layer before the last may stand beside them. An item that an epoch did not show (a
dropped last batch) takes the logits of its epoch before, or of the first that shows it. There is no network in a file,
so scores that differentiate one need a recorded student. Blind to whether the file belongs to these labels.

Toneva, Sordoni, Tachet des Combes, Trischler, Bengio & Gordon, An Empirical Study of Example Forgetting during Deep
Neural Network Learning, ICLR 2019.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.reading import external_evidence
from curation.data.results import Dynamics
from curation.data.view import View
from curation.errors import InputError

CARD = Card(
    title="Training dynamics from a file",
    cost="one pass over the file, E * n * C memory",
    blind_to="whether the model was trained on these labels",
    needs=("ids",),
    paper="https://arxiv.org/abs/1812.05159",
    tags=("brought",),
    stochastic=False,
)

_LARGEST = float(np.finfo(np.float16).max)


def gather(
    view: View,
    *,
    path: Annotated[Path, Field(description="A Recorder's folder, or an .npz file of logits, keyed by id.")],
    mode: Annotated[
        Literal["train", "eval"] | None,
        Field(description="Logits of the training passes or of clean ones; empty: as the file says, else train."),
    ] = None,
) -> tuple[Dynamics, dict]:
    """logits float16 [E, m, C], in the order of the view. Raises InputError for whatever does not fit.

    >>> import tempfile
    >>> from curation import Recorder
    >>> record = Recorder(2, classes=2, path=tempfile.mkdtemp())
    >>> record(["b", "a"], np.array([[1.0, 0.0], [0.0, 3.0]])); record.epoch()
    >>> view = View.of(ids=np.array(["a", "b"]), classes=("cat", "dog"))
    >>> gather(view, path=record.path)[0].logits.tolist()
    [[[0.0, 3.0], [1.0, 0.0]]]
    """
    found = external_evidence.read(path, "logits", ndim=3)
    at, columns = (
        external_evidence.positions(found, view.ids, path),
        external_evidence.columns(found, view.classes, path),
    )
    said = mode or found.mode or "train"
    if said not in ("train", "eval"):
        raise InputError(f"{path}: mode = {said!r}; expected train or eval")
    logits = np.empty((len(found.values), len(at), len(columns)), dtype=np.float16)
    for epoch, values in zip(logits, found.values, strict=True):
        epoch[:] = np.clip(values[at][:, columns], -_LARGEST, _LARGEST)  # NaN stays NaN
    filled = _fill(logits, view.ids, path)
    features = None if found.features is None else _features(found.features, found.values.shape[1], at, path)
    notes = {"from": str(path), "in_sample": True, "epochs": len(logits), "filled": filled}
    notes["ignored"] = found.values.shape[1] - len(at)
    return Dynamics(logits, said, features), notes


def _fill(logits: np.ndarray, ids: np.ndarray, path: Path) -> int:
    """Fill what an epoch did not show from the one before, else from the first that does, in place. How many."""
    unseen = np.isnan(logits).any(axis=2)  # [E, m]
    if never := int(unseen.all(axis=0).sum()):
        first = ids[int(unseen.all(axis=0).argmax())]
        raise InputError(f"{path}: no epoch has logits for {never:,} items, the first is {first!r}")
    for epoch in range(1, len(logits)):
        logits[epoch, unseen[epoch]] = logits[epoch - 1, unseen[epoch]]
    for epoch in range(len(logits) - 2, -1, -1):
        hole = np.isnan(logits[epoch]).any(axis=1)
        logits[epoch, hole] = logits[epoch + 1, hole]
    return int(unseen.sum())


def _features(features: np.ndarray, n: int, at: np.ndarray, path: Path) -> np.ndarray:
    if features.ndim != 2 or len(features) != n or features.dtype.kind not in "fiu":
        raise InputError(f"{path}: features of shape {features.shape}; expected [{n} items, numbers]")
    return np.asarray(features[at], dtype=np.float32)
