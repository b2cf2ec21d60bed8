"""What folder names say: which split an image belongs to and what its label is. One rule for folders and archives.

    flowers/  train/  rose/  2020/  0001.jpg      split train, label rose
              test/   rose/         0002.jpg      split test,  label rose
              unlabeled/            0003.jpg      no label

1. A single folder that holds everything, with folders below it for every image, is a wrapper and is taken off.
2. A top folder named train, training, val, valid, validation, dev, test, testing or unlabeled (in any case) is a
   split. Beside folders of other names it counts as one only when it holds folders itself, so that a class may be
   called "train", next to "car" and "bus".
3. The next folder is the label. Folders below it mean nothing: they belong to that class.
4. An image with no folder left for a label has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.data.images import EXTENSIONS
from curation.data.items import OK, TRAIN, UNLABELED, Items, make_items
from curation.data.reading.cells import SPLIT_NAMES, as_label
from curation.data.reading.image_checks import Facts, as_columns, examine
from curation.errors import SourceError


@dataclass(frozen=True)
class Layout:
    """prefix: the wrapper taken off every path, "" or "name/". splits, labels: one per path. notes: sentences."""

    prefix: str
    splits: list[str]
    labels: list[str | None]
    notes: list[str]


def is_image_name(name: str) -> bool:
    """By extension; whether it is an image is found out when it is read."""
    return "." in name and "." + name.rpartition(".")[2].lower() in EXTENSIONS


def arrange(paths: Sequence[str]) -> Layout:
    """Read the folder names of posix paths.

    >>> found = arrange(["set/train/cat/1.jpg", "set/train/dog/2.jpg", "set/test/cat/3.jpg"])
    >>> found.prefix, found.splits, found.labels
    ('set/', ['train', 'train', 'test'], ['cat', 'dog', 'cat'])
    """
    parts = [path.split("/") for path in paths]
    wrapper: list[str] = []
    while len({p[0] for p in parts}) == 1 and all(len(p) > 2 for p in parts) and not _is_split(parts[0][0]):
        wrapper.append(parts[0][0])
        parts = [p[1:] for p in parts]
    tops = {p[0] for p in parts if len(p) > 1}
    deep = {p[0] for p in parts if len(p) > 2}
    others = sorted(top for top in tops if not _is_split(top))
    split_tops = {top for top in tops if _is_split(top) and (not others or top in deep)}

    splits, labels, loose = [], [], 0
    for part in parts:
        split = TRAIN
        if len(part) > 1 and part[0] in split_tops:
            split, part = SPLIT_NAMES[part[0].lower()], part[1:]
        label = as_label(part[0]) if len(part) > 1 and split != UNLABELED else None
        loose += label is None and split != UNLABELED
        splits.append(split)
        labels.append(label)

    notes = []
    if wrapper:
        notes.append(f"Everything lies in the folder {'/'.join(wrapper)!r}, which was taken as a wrapper.")
    if split_tops and others:
        notes.append(
            f"Beside the split folders {_some(sorted(split_tops))} there are other folders, read as classes of "
            f"the train split: {_some(others)}."
        )
    if loose:
        notes.append(f"{loose:,} images lie in no class folder and are read as unlabelled.")
    return Layout("".join(name + "/" for name in wrapper), splits, labels, notes)


def items_by_folder(
    root: Path,
    paths: Sequence[str],
    *,
    where: str,
    progress: Callable[..., None],
    problems: Mapping[str, str] | None = None,
    ignored: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Items:
    """Items of image files under `root`, in the order of their paths, arranged and examined.

    where: the source in words, for errors. problems: path -> why it cannot be used; such files are not opened.
    ignored: a few names of other files, shown when there is no image at all. Raises SourceError when nothing is usable.
    """
    problems = problems or {}
    paths = sorted(paths)
    if not paths:
        other = f"; it holds other files, such as {_some(ignored)}" if ignored else ""
        raise SourceError(f"{where} holds no images{other}; expected files named {', '.join(sorted(EXTENSIONS))}")
    layout = arrange(paths)
    sound = [path for path in paths if path not in problems]
    known = dict(zip(sound, examine(root, sound, progress), strict=True))
    facts = [known.get(path) or Facts(status=problems[path]) for path in paths]
    if all(fact.status != OK for fact in facts):
        first = f"the first, {paths[0]}: {facts[0].status}"
        raise SourceError(f"none of the {len(paths):,} images in {where} can be used; {first}")
    names = [path.removeprefix(layout.prefix) for path in paths]
    return make_items(
        ids=names,
        paths=names,
        labels=layout.labels,
        splits=layout.splits,
        **as_columns(facts),
        root=root / layout.prefix,
        notes=(*notes, *layout.notes),
    )


def _is_split(name: str) -> bool:
    return name.lower() in SPLIT_NAMES


def _some(names: Sequence[str], most: int = 3) -> str:
    """The first few names.

    >>> _some(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
