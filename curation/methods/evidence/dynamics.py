"""Dynamics: what one student thought of every item, epoch by epoch.

One run, recorded once; EL2N, forgetting events, AUM, cartography and others are read off it without training again.
In "train" mode an item's logits are those of its own training pass, before the update and with augmentation, as the
published methods record them; "eval" adds a clean pass after every epoch. Blind to what another seed would have
shown: one run is one draw, and scores of single items wobble.

Toneva, Sordoni, Tachet des Combes, Trischler, Bengio & Gordon, An Empirical Study of Example Forgetting during Deep
Neural Network Learning, ICLR 2019. Swayamdipta et al., Dataset Cartography, EMNLP 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.results import Dynamics
from curation.data.view import View
from curation.errors import InputError
from curation.training.record import RunRecord

CARD = Card(
    title="Training dynamics",
    cost="the student's training time, n * C memory, 2 * E * n * C bytes on disk",
    blind_to="the luck of a single run",
    needs=("labels",),
    paper="https://arxiv.org/abs/1812.05159",
    tags=("student",),
    gives=("network",),
)


def gather(
    view: View,
    *,
    rng: np.random.Generator,
    into: Path | None = None,
    progress=None,
    student: Annotated[str, Ref("students"), Field(description="Student to train and record.")] = "head",
    mode: Annotated[
        Literal["train", "eval"],
        Field(
            description="Logits of the training passes, or of a clean pass after each epoch (takes half as long again)."
        ),
    ] = "train",
    epochs: Annotated[
        int, Field(ge=0, le=1000, description="Epochs to train for; 0 takes the student's own number.")
    ] = 0,
) -> tuple[Dynamics, dict]:
    """Dynamics with logits float16 [E, m, C] in the view's order, the student's weights after a few of the epochs,
    and notes: mode, epochs, share learned. into: the folder of the result, into which the logits are written as they
    come; None keeps them in memory.

    >>> from functools import partial
    >>> from curation.methods.students import head
    >>> x, y = np.repeat(np.eye(2, dtype=np.float32), 4, axis=0), np.repeat([0, 1], 4)
    >>> view = View.of(embeddings=x, labels=y, students={"head": partial(head.train, device="cpu")})
    >>> run, notes = gather(view, rng=np.random.default_rng(0))
    >>> run.logits.shape == (notes["epochs"], 8, 2), notes["accuracy"]
    (True, 1.0)
    """
    labels = view.labels
    if len(np.unique(labels)) < 2:
        raise InputError("a recorded run needs items of at least two classes; found one")
    train = view.student(student, epochs=epochs) if epochs else view.student(student)
    run = RunRecord(len(view), len(view.classes), mode, into and into / "logits.npy")
    finished = train(view, seed=int(rng.integers(2**31)), record=run, progress=progress)
    logits, (weights, kept) = run.logits, run.checkpoints
    accuracy = float((logits[-1].argmax(axis=1) == labels).mean())
    notes = {"mode": mode, "epochs": len(logits), "passes": finished.passes, "accuracy": round(accuracy, 4)}
    return Dynamics(logits, mode, finished.features(view), weights, kept), notes
