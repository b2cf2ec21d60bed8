"""Digits: scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, to try things on without any data of one's own.

A fifth of every class is the test split, always the same one and always right. `mistakes` plants that share of wrong
labels in the train split, each with another class drawn at random, and remembers the right label as `truth`, so that
one can see how many a method finds. Planted mistakes are easier to find than real ones: real annotators confuse what
looks alike. `labelled` hides the labels of all train items but a few of each class, so that one can try to label them.

Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository 1998.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.items import TEST, TRAIN, Items, make_items
from curation.data.reading.image_checks import as_columns, examine_rows

CARD = Card(
    title="Sample: handwritten digits",
    cost="under a second",
    blind_to="what makes real data hard: everything here is small, clean and alike",
    paper="https://archive.ics.uci.edu/dataset/80",
    tags=("images", "sample"),
)

TEST_SHARE = 0.2


def read(
    *,
    mistakes: Annotated[float, Field(ge=0, le=0.5, description="Share of train labels that are made wrong.")] = 0.0,
    plant_seed: Annotated[int, Field(ge=0, description="Seed that decides which labels are made wrong, and how.")] = 0,
    labelled: Annotated[
        int, Field(ge=0, le=100, description="Train items per class that keep their label; 0 keeps all.")
    ] = 0,
    into: Path,
) -> Items:
    """1,797 items with images uint8 [n, 8, 8].

    >>> import tempfile
    >>> items = read(mistakes=0.05, into=Path(tempfile.mkdtemp()))
    >>> len(items), int((items.column("label") != items.column("truth")).sum())
    (1797, 72)
    >>> int((read(labelled=5, into=Path(tempfile.mkdtemp())).column("split") == "train").sum())
    50
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    truth = digits.target.astype(np.int64)
    n, n_classes = len(truth), 10

    draw = np.random.default_rng(0)  # the test split does not change with what is planted
    test = np.zeros(n, bool)
    for code in range(n_classes):
        rows = draw.permutation(np.flatnonzero(truth == code))
        test[rows[: round(TEST_SHARE * len(rows))]] = True

    plant = np.random.default_rng(plant_seed)
    train = np.flatnonzero(~test)
    wrong = plant.choice(train, round(mistakes * len(train)), replace=False)
    labels = truth.copy()
    labels[wrong] = (truth[wrong] + plant.integers(1, n_classes, len(wrong))) % n_classes

    shown, known = labels.astype(str).astype(object), truth.astype(str).astype(object)
    hidden = np.zeros(n, bool)
    if labelled:
        hidden[train] = True
        for code in range(n_classes):
            hidden[draw.permutation(train[truth[train] == code])[:labelled]] = False
    shown[hidden] = known[hidden] = None
    train, wrong = train[~hidden[train]], wrong[~hidden[wrong]]

    np.save(into / "images.npy", images, allow_pickle=False)
    notes = []
    if labelled:
        notes.append(f"The labels of {hidden.sum():,} train items are hidden, to be given on the page Grow.")
    if len(wrong):
        notes.append(
            f"{len(wrong):,} of {len(train):,} train labels were made wrong on purpose (seed {plant_seed}); "
            "the right ones are remembered."
        )
    return make_items(
        ids=[f"digit-{row:04d}" for row in range(n)],
        labels=shown.tolist(),
        truth=known.tolist(),
        splits=np.where(test, TEST, TRAIN).tolist(),
        **as_columns(examine_rows(images, images=True)),
        images=np.load(into / "images.npy", mmap_mode="r", allow_pickle=False),
        notes=notes,
    )
