"""Arrays: one .npz file with images or features, and labels.

    images       uint8 [n, h, w] or [n, h, w, 3]      one of these two, or both
    features     float [n, d], finite
    labels       int or str [n]; -1 or "" means unlabelled
    split        str [n]: train, val, test or unlabeled; optional, train by default
    ids          int or str [n], unique; optional, the row number by default
    class_names  str [C]; optional; integer labels are positions in it, text labels must be among it

Big arrays are streamed into the workspace and memory-mapped, never held in memory. Pickled members are refused:
unpickling runs code of whoever wrote the file.
"""

from __future__ import annotations

import math
import shutil
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.columns import as_label, as_split
from curation.data.items import Items, make_items
from curation.data.scan import as_columns, examine_rows
from curation.errors import SourceError

CARD = Card(
    title="Arrays (.npz)",
    cost="the file is copied to the workspace once",
    blind_to="arrays of other names, and anything pickled",
    tags=("images", "features"),
)

NAMES = ("images", "features", "labels", "split", "ids", "class_names")
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
BLOCK = 64 * 1024**2  # bytes of features looked at together


def read(
    *,
    path: Annotated[Path, Field(description="The .npz file.")],
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
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, archive, into, progress)
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder, not an .npz file; use the source folder") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise SourceError(f"{path} is not an .npz file, or is damaged ({error})") from None


def _read(path: Path, archive: zipfile.ZipFile, into: Path, progress: Callable[..., None]) -> Items:
    found = [name.removesuffix(".npy") for name in archive.namelist()]
    if not {"images", "features"} & set(found) or "labels" not in found:
        raise SourceError(
            f"{path} must hold `images` or `features`, and `labels` (-1 or an empty text for items without one); "
            f"it holds: {', '.join(found) or 'nothing'}"
        )
    small = {name: _small(path, archive, name) for name in NAMES[2:] if name in found}
    big = {name: _big(path, archive, name, into) for name in NAMES[:2] if name in found}
    if "images" in big:
        _check_images(path, big["images"])
    if "features" in big:
        _check_features(path, big["features"], progress)
    first = next(iter(big))
    n = len(big[first])
    if n == 0:
        raise SourceError(f"{path}: {first} has no rows")
    for name, array in {**big, **small}.items():
        if name != "class_names" and len(array) != n:
            raise SourceError(f"{path}: {name} has {len(array):,} rows, {first} has {n:,}; they must be the same items")

    names = [as_label(name) for name in small["class_names"]] if "class_names" in small else None
    if names is not None and (None in names or len(set(names)) != len(names)):
        raise SourceError(f"{path}: class_names must be different and not empty; found: {', '.join(map(str, names))}")
    labels = _labels(path, small["labels"], names)
    notes = []
    if missing := labels.count(None):
        notes.append(f"{missing:,} items have the label -1 or none and are read as unlabelled.")
    if others := sorted(set(found) - set(NAMES)):
        notes.append(f"Arrays of other names were not read: {', '.join(others)}.")
    return make_items(
        ids=[str(id_) for id_ in small["ids"]] if "ids" in small else [str(row) for row in range(n)],
        labels=labels,
        splits=[as_split(str(cell)) for cell in small["split"]] if "split" in small else ["train"] * n,
        classes=names,
        **as_columns(examine_rows(big[first], images=first == "images")),
        **big,
        notes=notes,
    )


def _header(path: Path, archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, in Fortran order, dtype) of a member, without reading its data."""
    info = archive.getinfo(f"{name}.npy")
    if info.flag_bits & 0x1:
        raise SourceError(f"{path} is protected by a password; save it without one")
    with archive.open(info) as member:
        try:
            shape, fortran, dtype = HEADERS[np.lib.format.read_magic(member)](member)
        except (zipfile.BadZipFile, zlib.error):
            raise
        except Exception as error:  # the header is Python text; hostile ones raise whatever a parser can
            raise SourceError(f"{path}: {name} is not a numpy array ({error})") from None
    if dtype.hasobject:
        raise SourceError(
            f"{path}: {name} holds pickled Python objects, which are never loaded since they can run code; "
            "save it as numbers or with dtype=str"
        )
    if min(shape, default=0) < 0 or info.file_size < math.prod(shape) * dtype.itemsize:
        raise SourceError(f"{path}: {name} does not hold what its header says, shape {list(shape)}")
    return shape, fortran, dtype


def _small(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """labels, split, ids or class_names: one-dimensional, integers or text, held in memory."""
    shape, _, dtype = _header(path, archive, name)
    kinds = "iuUS" if name in ("labels", "ids") else "US"
    if len(shape) != 1 or dtype.kind not in kinds:
        wanted = "integers or text" if "i" in kinds else "text"
        raise SourceError(f"{path}: {name} must be {wanted} with shape [n]; found {dtype} with shape {list(shape)}")
    with archive.open(f"{name}.npy") as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
    return np.char.decode(array, "utf-8", "replace") if dtype.kind == "S" else array


def _big(path: Path, archive: zipfile.ZipFile, name: str, into: Path) -> np.ndarray:
    """images or features, streamed to `<name>.npy` (a member of an .npz is an .npy file) and memory-mapped."""
    _, fortran, dtype = _header(path, archive, name)
    size, free = archive.getinfo(f"{name}.npy").file_size, shutil.disk_usage(into).free
    if size > free:
        raise SourceError(f"{path}: {name} needs {size / 1e9:.1f} GB and {into} has {free / 1e9:.1f} GB left")
    target = into / f"{name}.npy"
    with archive.open(f"{name}.npy") as member, target.open("wb") as out:
        shutil.copyfileobj(member, out, 1024**2)
    array = np.load(target, mmap_mode="r", allow_pickle=False)
    if fortran or not dtype.isnative:  # rare: rewritten, so that a row is contiguous and of this machine's kind
        array = np.ascontiguousarray(array, dtype.newbyteorder("="))
        target.unlink()
        np.save(target, array, allow_pickle=False)
    return array


def _check_images(path: Path, images: np.ndarray) -> None:
    if images.dtype != np.uint8:
        raise SourceError(f"{path}: images must be uint8 with values 0 to 255; found {images.dtype}")
    if not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)) or 0 in images.shape[1:]:
        raise SourceError(f"{path}: images must have shape [n, h, w] or [n, h, w, 3]; found {list(images.shape)}")


def _check_features(path: Path, features: np.ndarray, progress: Callable[..., None]) -> None:
    if features.dtype.kind != "f" or features.dtype.itemsize > 8:
        raise SourceError(f"{path}: features must be float16, float32 or float64; found {features.dtype}")
    if features.ndim != 2 or features.shape[1] == 0:
        raise SourceError(f"{path}: features must have shape [n, d]; found {list(features.shape)}")
    step = max(BLOCK // features[:1].nbytes, 1) if len(features) else 1
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
    found = [as_label(label) for label in labels.tolist()]
    if names is not None and (unknown := sorted({label for label in found if label is not None} - set(names))):
        raise SourceError(f"{path}: label {unknown[0]!r} is not among class_names: {', '.join(names)}")
    return found
