"""Arrays: one .npz file with images or features, and labels.

    images       uint8 [n, h, w] or [n, h, w, 3]      one of these two, or both
    features     float [n, d], finite
    labels       int or str [n]; -1 or "" means unlabelled
    split        str [n]: train, val, test or unlabeled; optional, train by default
    ids          int or str [n], unique; optional, the row number by default
    class_names  str [C]; optional; integer labels are positions in it, text labels must be among it
    any name     int or str [n]; what `group` of [source] names, such as the patient of every item

Big arrays are streamed into the workspace and memory-mapped, never held in memory. Pickled members are refused:
unpickling runs code of whoever wrote the file.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.grouping import column_named
from curation.data.images import MAX_PIXELS
from curation.data.items import Items, make_items
from curation.data.reading import npz
from curation.data.reading.cells import as_label, as_split
from curation.data.reading.image_checks import as_columns, examine_rows
from curation.errors import SourceError

CARD = Card(
    title="Arrays (.npz)",
    cost="the file is copied to the workspace once",
    blind_to="arrays of other names, and anything pickled",
    tags=("images", "features"),
    version=2,
    opens=(".npz",),
)

NAMES = ("images", "features", "labels", "split", "ids", "class_names")
BLOCK = 64 * 1024**2  # bytes of features looked at together


def read(
    *,
    path: Annotated[Path, Field(description="The .npz file.")],
    group: str = "",
    into: Path,
    progress: Callable[..., None],
) -> Items:
    """Items in the order of the rows. Raises SourceError.

    >>> import tempfile
    >>> top = Path(tempfile.mkdtemp())
    >>> np.savez(top / "x.npz", features=np.eye(3), labels=[1, 0, -1], class_names=["cat", "dog"])
    >>> read(path=top / "x.npz", into=top, progress=lambda *_: None).column("label").tolist()
    ['dog', 'cat', None]
    """
    if not path.exists():
        raise SourceError(f"the file {path} does not exist")
    if not path.is_file() and not path.is_dir():  # reading a pipe would wait for ever
        raise SourceError(f"{path} is neither a file nor a folder")
    with npz.opened(path) as archive:
        return _read(path, archive, column_named(group), into, progress)


def _read(path: Path, archive: zipfile.ZipFile, group: str | None, into: Path, progress: Callable[..., None]) -> Items:
    found = npz.names(archive)
    if not {"images", "features"} & set(found) or "labels" not in found:
        raise SourceError(
            f"{path} must hold `images` or `features`, and `labels` (-1 or an empty text for items without one); "
            f"it holds: {', '.join(found[:20]) or 'nothing'}"
        )
    if group and group not in found:
        raise SourceError(f"there is no array {group!r} in {path} to group by; it holds: {', '.join(found[:20])}")
    _checked(path, archive, found, group)
    small = {name: npz.read(path, archive, name) for name in (*NAMES[2:], group) if name in found}
    big = {name: npz.stream(path, archive, name, into) for name in NAMES[:2] if name in found}
    if "features" in big:
        _check_finite(path, big["features"], progress)
    first = next(iter(big))
    n = len(big[first])

    names = [as_label(name) for name in small["class_names"]] if "class_names" in small else None
    if names is not None and (None in names or len(set(names)) != len(names)):
        raise SourceError(
            f"{path}: class_names must be different and not empty; found: {', '.join(map(str, names[:20]))}"
        )
    labels = _labels(path, small["labels"], names)
    notes = []
    if missing := labels.count(None):
        notes.append(f"{missing:,} items have the label -1 or none and are read as unlabelled.")
    if others := sorted(set(found) - {*NAMES, group}):
        notes.append(f"Arrays of other names were not read: {', '.join(others)}.")
    return make_items(
        ids=[str(id_) for id_ in small["ids"]] if "ids" in small else [str(row) for row in range(n)],
        labels=labels,
        splits=_meanings(path, "split", small["split"], as_split) if "split" in small else ["train"] * n,
        classes=names,
        groups=_meanings(path, group, small[group], as_label) if group else None,
        **as_columns(examine_rows(big[first], images=first == "images")),
        **big,
        notes=notes,
    )


def _meanings(path: Path, name: str, values: np.ndarray, meaning: Callable[[Any], Any]) -> list[Any]:
    """What each value of an array means. Raises SourceError that names the row."""
    found = []
    for row, value in enumerate(values.tolist()):
        try:
            found.append(meaning(value))
        except SourceError as error:
            raise SourceError(f"{path}: row {row:,} of {name}: {error}") from None
    return found


def _checked(path: Path, archive: zipfile.ZipFile, found: Sequence[str], group: str | None) -> None:
    """The headers of all arrays that are read, which have to agree before any data is."""
    headers = {name: npz.header(path, archive, name) for name in (*NAMES, group) if name in found}
    for name, (shape, _, dtype) in headers.items():
        kinds = {"images": "", "features": "", "labels": "iuUS", "ids": "iuUS", group: "iuUS"}.get(name, "US")
        if kinds and (len(shape) != 1 or dtype.kind not in kinds):
            wanted = "integers or text" if "i" in kinds else "text"
            raise SourceError(f"{path}: {name} must be {wanted} with shape [n]; found {dtype} with shape {list(shape)}")
    if "images" in headers:
        _check_images(path, *headers["images"])
    if "features" in headers:
        _check_features(path, *headers["features"])
    first = next(iter(headers))
    n = headers[first][0][0]
    if n == 0:
        raise SourceError(f"{path}: {first} has no rows")
    for name, (shape, *_) in headers.items():
        if name != "class_names" and shape[0] != n:
            raise SourceError(f"{path}: {name} has {shape[0]:,} rows, {first} has {n:,}; they must be the same items")


def _check_images(path: Path, shape: tuple[int, ...], fortran: bool, dtype: np.dtype) -> None:
    if dtype != np.uint8:
        raise SourceError(f"{path}: images must be uint8 with values 0 to 255; found {dtype}")
    if not (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)) or 0 in shape[1:]:
        raise SourceError(f"{path}: images must have shape [n, h, w] or [n, h, w, 3]; found {list(shape)}")
    if shape[1] * shape[2] > MAX_PIXELS:
        raise SourceError(f"{path}: images of {shape[2]:,} x {shape[1]:,} pixels are over the limit of {MAX_PIXELS:,}")


def _check_features(path: Path, shape: tuple[int, ...], fortran: bool, dtype: np.dtype) -> None:
    if dtype.kind != "f" or dtype.itemsize > 8:
        raise SourceError(f"{path}: features must be float16, float32 or float64; found {dtype}")
    if len(shape) != 2 or shape[1] == 0:
        raise SourceError(f"{path}: features must have shape [n, d]; found {list(shape)}")


def _check_finite(path: Path, features: np.ndarray, progress: Callable[..., None]) -> None:
    step = max(BLOCK // features[:1].nbytes, 1)
    for start in range(0, len(features), step):
        finite = np.isfinite(features[start : start + step]).all(axis=1)
        if not finite.all():
            row = start + int(np.flatnonzero(~finite)[0])
            raise SourceError(f"{path}: features hold NaN or infinity, first in row {row:,}; leave such rows out")
        progress(min(start + step, len(features)), len(features), "checking features")


def _labels(path: Path, labels: np.ndarray, names: Sequence[str] | None) -> list[str | None]:
    if labels.dtype.kind in "iu":
        if names is None:
            return [None if code == -1 else str(code) for code in labels.tolist()]
        wrong = labels[(labels < -1) | (labels >= len(names))]
        if len(wrong):
            raise SourceError(
                f"{path}: label {wrong[0]} is not a position in class_names, which has {len(names)} names"
            )
        return [None if code == -1 else names[code] for code in labels.tolist()]
    found = _meanings(path, "labels", labels, as_label)
    if names is not None and (unknown := sorted({label for label in found if label is not None} - set(names))):
        raise SourceError(f"{path}: label {unknown[0]!r} is not among class_names: {', '.join(names[:20])}")
    return found
