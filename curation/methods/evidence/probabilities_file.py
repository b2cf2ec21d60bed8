"""Probabilities from a file: what a model of your own thinks of every item.

`[evidence.probabilities] path = "probs.npz"` puts them in the place of what Winnow would compute; scores and flags read
them as they would their own. The file holds `probabilities` [n, C] keyed by `ids`, and may say `classes` (their order)
and `mode`. Best are out-of-fold ones: a model learns its own training labels by heart, so in-sample probabilities
("train" or "eval") hide mistakes. Every train item must be in it; other items that are not have no probabilities, and
what reads them passes these items over. Blind to whether the file says the truth about that.

Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021, section 3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.reading import external_evidence
from curation.data.results import Probabilities
from curation.data.view import View
from curation.errors import InputError

CARD = Card(
    title="Probabilities from a file",
    cost="one pass over the file",
    blind_to="whether the model had seen the items it judges",
    needs=("ids",),
    paper="https://arxiv.org/abs/1911.00068",
    tags=("brought",),
    version=2,
    rows="labelled",
    stochastic=False,
)


def gather(
    view: View,
    *,
    path: Annotated[Path, Field(description="An .npz, .npy or parquet file of probabilities, keyed by id.")],
    mode: Annotated[
        Literal["out_of_fold", "train", "eval"] | None,
        Field(description="Whether the model had been trained on the items; empty: as the file says, else not."),
    ] = None,
) -> tuple[Probabilities, dict]:
    """values float64 [m, C], checked, in the order of the view; NaN for an item that is no train item and not in the
    file. Raises InputError for whatever does not fit.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "p.npz"
    >>> np.savez(file, ids=["b", "a"], probabilities=[[0.9, 0.1], [0.2, 0.8]])
    >>> gather(View.of(ids=np.array(["a", "b"]), classes=("cat", "dog")), path=file)[0].values.tolist()
    [[0.2, 0.8], [0.9, 0.1]]
    """
    found = external_evidence.read(path, "probabilities", ndim=2)
    at = external_evidence.positions(found, view.ids, path, view.train)
    there, columns = np.flatnonzero(at >= 0), external_evidence.columns(found, view.classes, path)
    values = np.full((len(view), len(columns)), np.nan)
    values[there] = found.values[at[there]][:, columns]
    _check(values[there], view.ids[there], path)
    said = mode or found.mode or "out_of_fold"
    if said not in ("out_of_fold", "train", "eval"):
        raise InputError(f"{path}: mode = {said!r}; expected out_of_fold, train or eval")
    notes = {"from": str(path), "in_sample": said != "out_of_fold", "ignored": len(found.values) - len(there)}
    notes["order"] = "by id" if found.ids is not None else "as the items stand"
    values /= values.sum(axis=1, keepdims=True)
    return Probabilities(values, said), notes


def _check(values: np.ndarray, ids: np.ndarray, path: Path) -> None:
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        raise InputError(f"{path}: NaN or infinity for {broken.sum():,} items, the first is {ids[broken.argmax()]!r}")
    off = (values < 0).any(axis=1) | (np.abs(values.sum(axis=1) - 1) > 0.01)
    if off.any():
        first = values[off.argmax()]
        raise InputError(
            f"{path}: the row of {ids[off.argmax()]!r} sums to {first.sum():.3g} with a smallest value of "
            f"{first.min():.3g}; probabilities are 0 or more and sum to 1. Apply a softmax if these are logits"
        )
