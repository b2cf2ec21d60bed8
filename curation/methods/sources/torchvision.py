"""Benchmark sets of torchvision: CIFAR-10 and -100, MNIST and its kin, SVHN, STL-10; downloaded where they can be.

Train and test splits, in the order torchvision has them, so that row i of the train split is item i of torchvision's
own train set. The unlabelled part of STL-10 is left out.

Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009 (CIFAR); LeCun, Bottou, Bengio & Haffner,
Gradient-Based Learning Applied to Document Recognition, Proc. IEEE 1998 (MNIST); Xiao, Rasul & Vollgraf,
Fashion-MNIST, 2017; Clanuwat et al., Deep Learning for Classical Japanese Literature, 2018 (KMNIST); Netzer et al.,
Reading Digits in Natural Images with Unsupervised Feature Learning, 2011 (SVHN); Coates, Lee & Ng, An Analysis of
Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011 (STL-10).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.items import TEST, TRAIN, Items, make_items
from curation.data.reading.image_checks import as_columns, examine_rows
from curation.errors import UnavailableError

CARD = Card(
    title="torchvision data set",
    cost="a download of 10 MB (MNIST) to 2.6 GB (STL-10), once; all of it in memory while it is read",
    blind_to="anything that is not a small image of one class",
    tags=("images", "download"),
    requires=("torchvision",),
)

TIMEOUT = 10  # seconds without an answer


def read(
    *,
    dataset: Annotated[
        Literal["CIFAR10", "CIFAR100", "FashionMNIST", "MNIST", "KMNIST", "SVHN", "STL10"],
        Field(description="Which data set, as torchvision names it."),
    ] = "CIFAR10",
    # Text, not a Path: the folder may not be there yet, and what lies in it is fixed by the data set's checksums.
    root: Annotated[
        str, Field(description="Folder for downloads; files that are there already are used.")
    ] = "data/torchvision",
    into: Path,
    progress: Callable[..., None],
) -> Items:
    """Items with images uint8 [n, h, w] or [n, h, w, 3]; ids "train/00000", "test/00000", ...

    Raises UnavailableError when the data is not under `root` and cannot be downloaded.

    >>> read(dataset="MNIST", root="data/torchvision", into=into, progress=progress)  # doctest: +SKIP
    """
    parts = []
    for done, split in enumerate((TRAIN, TEST)):
        progress(done, 2, f"reading {dataset}, {split}")
        parts.append(_load(dataset, Path(os.path.expanduser(root)), split))  # noqa: PTH111 - of an unknown user it stays as it is

    arrays = [_images(part.data) for part in parts]
    codes = [np.asarray(part.targets if hasattr(part, "targets") else part.labels) for part in parts]
    shape = (sum(len(array) for array in arrays), *arrays[0].shape[1:])
    images = np.lib.format.open_memmap(into / "images.npy", "w+", np.uint8, shape)
    np.concatenate(arrays, out=images)
    images.flush()
    names = list(getattr(parts[0], "classes", None) or [str(code) for code in range(int(codes[0].max()) + 1)])
    counts = {TRAIN: len(arrays[0]), TEST: len(arrays[1])}
    return make_items(
        ids=[f"{split}/{row:05d}" for split, count in counts.items() for row in range(count)],
        labels=[names[code] for code in np.concatenate(codes)],
        splits=[split for split, count in counts.items() for _ in range(count)],
        classes=names,
        **as_columns(examine_rows(images, images=True)),
        images=np.load(into / "images.npy", mmap_mode="r", allow_pickle=False),
    )


def _load(dataset: str, root: Path, split: str) -> Any:
    """torchvision's own object: from disk, else downloaded."""
    from torchvision import datasets

    kind = getattr(datasets, dataset)
    which = {"split": split} if dataset in ("SVHN", "STL10") else {"train": split == TRAIN}
    try:
        return kind(root, download=False, **which)
    except RuntimeError:  # torchvision's "not found or corrupted"
        pass
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _timeout(TIMEOUT):
            return kind(root, download=True, **which)
    except (OSError, RuntimeError) as error:
        said = str(getattr(error, "reason", None) or error).splitlines()[0]
        raise UnavailableError(
            f"{dataset} is not in {root} and could not be downloaded from {_address(kind)} ({said}); "
            f"connect to the network, or copy torchvision's files of it into {root}"
        ) from None


def _address(kind: Any) -> str:
    if hasattr(kind, "mirrors"):
        return kind.mirrors[0]
    return kind.url if hasattr(kind, "url") else kind.split_list["train"][0]


def _images(data: Any) -> np.ndarray:
    """uint8 [n, h, w] or [n, h, w, 3]; SVHN and STL-10 come as [n, 3, h, w]."""
    array = np.asarray(data)
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 and array.shape[1] == 3 and array.shape[3] != 3 else array


@contextlib.contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """torchvision downloads without a time limit of its own: without this, a silent server would hang the run."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
