"""Evidence a person brings along: arrays keyed by id, read without trust and laid in the order of the items.

An .npz with `ids` and the array, an .npy (with `<name>.ids.npy` beside it, or in the items' order), a parquet with a
column `id`, or the folder a `curation.Recorder` wrote. Nothing is unpickled; sizes are looked at before they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curation.data.reading import npz
from curation.data.reading.cells import MAX_LABEL, MAX_ROWS
from curation.errors import InputError

LIMIT = 16 << 30  # bytes of one array inside an .npz, which has to be held in memory


@dataclass(frozen=True)
class Brought:
    """values: [n, C], or [E, n, C]. ids: n texts, None = in the items' order. classes: C names, None = Winnow's order.

    mode, features: what else the file said, None where it did not.
    """

    values: np.ndarray
    ids: list[str] | None
    classes: list[str] | None = None
    mode: str | None = None
    features: np.ndarray | None = None


def read(path: Path, name: str, ndim: int) -> Brought:
    """The array `name` ("probabilities", "logits") with what stands beside it. Raises InputError."""
    if not path.exists():
        raise InputError(f"there is no {path}; give the path of an .npz, .npy or parquet file with {name}")
    if not path.is_file() and not path.is_dir():
        raise InputError(f"{path} is neither a file nor a folder")
    try:
        found = _read(path, name)
    except (OSError, ValueError, TypeError, EOFError, ArithmeticError, MemoryError, RecursionError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} cannot be read ({said}); write it with numpy.savez") from None
    values = found.values
    if values.ndim != ndim or values.dtype.kind not in "fiu" or not values.size:
        shape = "[epochs, items, classes]" if ndim == 3 else "[items, classes]"
        raise InputError(f"{path}: {name} holds {values.dtype} of shape {values.shape}; expected numbers {shape}")
    n = values.shape[-2]
    if found.ids is not None and len(found.ids) != n:
        raise InputError(f"{path}: {len(found.ids):,} ids for {n:,} rows of {name}; the numbers must be equal")
    if found.ids is not None and len(set(found.ids)) != n:
        seen: set[str] = set()
        twice = next(id_ for id_ in found.ids if id_ in seen or seen.add(id_))
        raise InputError(f"{path}: the id {twice!r} appears twice; give every item one row")
    return found


def positions(found: Brought, ids: Sequence[str], path: Path, train: np.ndarray | None = None) -> np.ndarray:
    """int64 [m]: the row of the file for each of `ids`; rows of other items are ignored. Raises InputError.

    train: positions among `ids` that must be there, by default all; of the others, those that are not give -1.
    """
    n, train = found.values.shape[-2], np.arange(len(ids)) if train is None else train
    at = np.full(len(ids), -1, np.int64)
    if found.ids is None:
        if n == len(ids):
            return np.arange(n)
        if n != len(train):
            raise InputError(
                f"{path} has {n:,} rows without ids and there are {len(train):,} train items; "
                "store `ids` beside them (numpy.savez), or one row per train item in Winnow's order"
            )
        at[train] = np.arange(n)
        return at
    row = {id_: i for i, id_ in enumerate(found.ids)}
    at[:] = [row.get(str(id_), -1) for id_ in ids]
    missing = train[at[train] < 0]
    if len(missing):
        raise InputError(
            f"{path} has no rows for {len(missing):,} of {len(train):,} train items, the first is "
            f"{str(ids[missing[0]])!r}; its own ids look like {found.ids[0]!r}"
        )
    return at


def columns(found: Brought, classes: Sequence[str], path: Path) -> np.ndarray:
    """int64 [C]: the file's column for each class. Raises InputError when the classes are others."""
    c = found.values.shape[-1]
    if found.classes is not None:
        if sorted(found.classes) != sorted(classes):
            odd = sorted(set(found.classes) ^ set(classes))
            raise InputError(f"{path} has other classes than the data set; {odd[0]!r} is in one of them only")
        return np.array([found.classes.index(name) for name in classes])
    if c != len(classes):
        raise InputError(
            f"{path} has {c} columns and the data set {len(classes)} classes: {', '.join(classes[:5])} ..."
        )
    return np.arange(c)


def _read(path: Path, name: str) -> Brought:
    if path.is_dir():
        return _recorded(path)
    if path.suffix == ".parquet":
        return _parquet(path, name)
    if path.suffix == ".npy":
        beside = path.with_suffix(".ids.npy")
        return Brought(npz.mapped(path), _texts(_ids(beside)) if beside.exists() else None)
    with npz.opened(path) as held:
        names = npz.names(held)
        if name not in names:
            raise InputError(f"{path} holds {', '.join(names[:20]) or 'nothing'}; expected an array {name!r} and `ids`")
        found = {part: npz.read(path, held, part) for part in ("ids", "classes", "mode") if part in names}
        big = {part: npz.read(path, held, part, LIMIT) for part in (name, "features") if part in names}
        return Brought(
            big[name],
            _texts(found["ids"]) if "ids" in found else None,
            _texts(found["classes"]) if "classes" in found else None,
            str(found["mode"]) if "mode" in found else None,
            big.get("features"),
        )


def _recorded(folder: Path) -> Brought:
    """What a `curation.Recorder` wrote; its epochs are read one after another."""
    epochs = sorted(folder.glob("epoch-*.npy"))
    if not epochs or not (folder / "ids.npy").exists():
        raise InputError(f"{folder} holds no finished epoch; call Recorder.epoch() after every epoch")
    ids = _texts(_ids(folder / "ids.npy"))
    return Brought(np.stack([npz.mapped(e)[: len(ids)] for e in epochs]), ids)


def _parquet(path: Path, name: str) -> Brought:
    """`id` and a list column `name`, or `id` and one column per class."""
    import pyarrow as pa

    from curation.data.reading import parquet

    try:
        names = parquet.schema_of(path).names
        if "id" not in names:
            raise InputError(f"{path} has no column id; its columns: {', '.join(names[:8])}")
        table = pa.Table.from_batches(parquet.batches(path, ["id", name] if name in names else names))
    except pa.ArrowException as error:
        raise InputError(f"{path} cannot be read as parquet ({str(error).splitlines()[0]})") from None
    ids = [str(id_) for id_ in table["id"].to_pylist()]
    if name in table.column_names:
        return Brought(np.array(table[name].to_pylist(), dtype=np.float64), ids)
    classes = [column for column in table.column_names if column != "id"]
    return Brought(np.column_stack([table[c].to_numpy() for c in classes]), ids, classes)


def _ids(path: Path) -> np.ndarray:
    ids = npz.mapped(path)  # mapped: a header that promises too much is refused
    if ids.ndim != 1 or len(ids) > MAX_ROWS or not 0 < ids.dtype.itemsize <= 4 * MAX_LABEL:
        raise ValueError(f"its ids are {ids.dtype} of shape {ids.shape}; expected one text or number each")
    return ids


def _texts(values: np.ndarray) -> list[str]:
    return [str(value) for value in values.tolist()]
