"""Names that mean a split: as people call folders, columns and files of data sets."""

from __future__ import annotations

import re

from curation.data.items import TEST, TRAIN, UNLABELED, VAL

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VAL),
    **dict.fromkeys(("test", "testing"), TEST),
    **dict.fromkeys(("unlabeled", "unlabelled", "pred", "prediction"), UNLABELED),
}
# Words around them that mean nothing: train_set, test_images, TrainData.
NEUTRAL = frozenset(
    [
        "set",
        "sets",
        "data",
        "dataset",
        "datasets",
        "image",
        "images",
        "img",
        "imgs",
        "picture",
        "pictures",
        "photo",
        "photos",
        "file",
        "files",
        "folder",
        "split",
    ]
)
_ENDINGS = ("set", "data", "images", "imgs", "img")


def split_of(name: str) -> tuple[str, str] | None:
    """The split a folder's name says, and what else it says beside words that mean nothing; None where it says none.

    >>> split_of("Training_Set"), split_of("seg_test"), split_of("val2017"), split_of("trainset"), split_of("cats")
    (('train', ''), ('test', 'seg'), ('val', ''), ('train', ''), None)
    """
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    splits, rest = [], []
    for word in words:
        bare = next((word.removesuffix(end) for end in _ENDINGS if word.removesuffix(end) in SPLIT_NAMES), word)
        if bare in SPLIT_NAMES:
            splits.append(SPLIT_NAMES[bare])
        elif word not in NEUTRAL:
            rest.append(word)
    return (splits[0], " ".join(rest)) if len(splits) == 1 else None
