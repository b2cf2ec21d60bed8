"""Results on disk: what a method returned, as `.npy` files in its folder, and back.

Every per-row result carries `rows.npy`, the item rows it speaks of, so nothing is aligned by hope.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.results import Condensed, Dynamics, Factors, Flags, Neighbours, Probabilities, Selection


def save(value: Any, rows: np.ndarray, folder: Path) -> dict[str, Any]:
    """Write a method's result; returns what belongs on its card. `rows` are the item rows of the View it saw."""
    arrays: dict[str, np.ndarray | None] = {"rows": np.asarray(rows, np.int64)}
    about: dict[str, Any] = {}
    if isinstance(value, Neighbours):
        arrays |= {"indices": value.indices, "distances": value.distances}
        if value.pool is not None:
            arrays |= {"pool_indices": value.pool.indices, "pool_distances": value.pool.distances}
    elif isinstance(value, Dynamics):
        arrays |= {"logits": value.logits, "features": value.features, "weights": value.weights, "kept": value.kept}
        about["mode"] = value.mode
    elif isinstance(value, Factors):
        arrays |= {"factor_indices": value.indices, "factor_values": value.values}
        about |= {"factors": value.m, "r2": value.r2}
    elif isinstance(value, Probabilities):
        known = np.isfinite(value.values).all(axis=1)  # a file says nothing of some rows
        known = slice(None) if known.all() else known  # all of it: never copied
        arrays |= {"rows": arrays["rows"][known], "value": value.values[known]}
        arrays["in_fold"] = None if value.in_fold is None else value.in_fold[known]
        about["mode"] = value.mode
    elif isinstance(value, Flags):
        arrays |= {"score": value.score, "flagged": value.flagged}
        arrays |= {"suggested": value.suggested, "duplicate_of": value.duplicate_of}
        about |= {"flagged": int(value.flagged.sum()), "notes": list(value.notes)}
    elif isinstance(value, Selection):
        arrays |= {"rows": np.asarray(rows, np.int64)[value.rows], "weights": value.weights}
        about |= {"kept": len(value.rows), "said": list(value.notes)}
    elif isinstance(value, Condensed):
        arrays |= {"rows": _at(arrays["rows"], value.rows), "value": value.values, "labels": value.labels}
        arrays |= {"soft": value.soft, "texts": value.texts}
        about |= {"items": len(value.labels), "parts": value.parts, "grey": value.grey, "bytes": value.nbytes}
        about |= {"item_bytes": replace(value, soft=None, texts=None).nbytes / len(value.labels)}
        about |= {"passes": dict(value.passes), "notes": list(value.notes)}
        about["history"] = {name: np.asarray(values).tolist() for name, values in value.history.items()}
    else:
        arrays["value"] = value
    for name, array in arrays.items():
        path = folder / f"{name}.npy"
        if array is not None and getattr(array, "filename", None) != path.resolve():  # what was streamed lies there
            np.save(path, np.ascontiguousarray(array), allow_pickle=False)
    return about


def load(folder: Path, name: str = "value") -> np.ndarray | None:
    """One array of a result, memory-mapped and read-only; None where the result has none of that name."""
    path = folder / f"{name}.npy"
    return np.load(path, mmap_mode="r", allow_pickle=False) if path.exists() else None


def reopened(array: np.ndarray) -> np.ndarray:
    """The same array, mapped anew where it lies in a file: the pages read of it leave the memory together with it."""
    return np.load(array.filename, mmap_mode="r", allow_pickle=False) if isinstance(array, np.memmap) else array


def load_evidence(folder: Path) -> Any:
    """An evidence result as the type it had when it was gathered."""
    if (indices := load(folder, "indices")) is not None:
        pool = load(folder, "pool_indices")
        inner = None if pool is None else Neighbours(pool, load(folder, "pool_distances"))
        return Neighbours(indices, load(folder, "distances"), inner)
    if (logits := load(folder, "logits")) is not None:
        mode = json.loads((folder / "card.json").read_text())["mode"]
        return Dynamics(logits, mode, load(folder, "features"), load(folder, "weights"), load(folder, "kept"))
    if (indices := load(folder, "factor_indices")) is not None:
        card = json.loads((folder / "card.json").read_text())
        return Factors(indices, load(folder, "factor_values"), card["factors"], card["r2"])
    return load(folder)


def load_condensed(folder: Path) -> Condensed:
    """A condensed set; its `rows` are item rows here, None where no item stands for one."""
    card = read_json(folder / "card.json")
    return Condensed(
        values=np.array(load(folder)),
        labels=np.array(load(folder, "labels")),
        soft=load(folder, "soft"),
        parts=card["parts"],
        rows=load(folder, "rows"),
        texts=load(folder, "texts"),
        grey=card["grey"],
        passes=card["passes"],
        history={name: np.array(values) for name, values in card["history"].items()},
        notes=tuple(card["notes"]),
    )


def _at(rows: np.ndarray, positions: np.ndarray | None) -> np.ndarray | None:
    """The item rows at some positions; -1 where there is none."""
    return None if positions is None else np.where(positions < 0, -1, rows[positions])


def positions(result_rows: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Where `rows` stand in the ascending `result_rows`. Raises LookupError when some are not there."""
    at = np.searchsorted(result_rows, rows)
    if len(at) and (at.max(initial=0) >= len(result_rows) or not np.array_equal(result_rows[at], rows)):
        raise LookupError("a result was asked for rows it does not hold")
    return at


def spread(folder: Path, n: int, name: str = "value", fill: float = np.nan) -> np.ndarray:
    """A per-row array of a result laid over all n items, `fill` where the result says nothing."""
    values = load(folder, name)
    full = np.full((n, *values.shape[1:]), fill, dtype=np.result_type(values.dtype, type(fill)))
    full[load(folder, "rows")] = values
    return full


def read_json(path: Path) -> Mapping[str, Any]:
    return json.loads(path.read_text())
