"""Parts of a step, made by the workers of a run. The other way to make them is `curation.data.parts.here`.

Each part is a file, named by the hash of all it is made of: the function, its arguments and the versions of what
computes. A part that is there is not made again, so a run that was killed goes on behind it. Arrays that parts share
are files as well, which workers map into memory.
"""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.files import make_folder, replacing
from curation.data.reading.image_checks import content_hash
from curation.data.workspace import key_of
from curation.engine.compute import versions
from curation.engine.workers.base import Workers, in_order, name_of, named, wait_for


class ByWorkers:
    """A `curation.data.parts.Spread`.

    folder: where the files of one step are. device: where a part that uses a device computes; others get "cpu".
    keep: whether files stay until `forget`; else each goes when the next is asked for, as its reader has put it away.
    """

    def __init__(self, workers: Workers, folder: Path, device: str, keep: bool):
        self.workers, self.folder, self.device, self.keep = workers, folder.absolute(), device, keep

    def __call__(self, function: Callable[..., Any], parts: Iterable[tuple], **shared: Any) -> Iterator[Any]:
        make_folder(self.folder)
        name, sent, paths = name_of(function), {key: self._sent(value) for key, value in shared.items()}, deque()

        def asked() -> Iterator[tuple]:
            for part in parts:
                made_of = key_of(function=name, part=part, shared=sent, versions=versions())
                paths.append(self.folder / made_of)
                yield name, part, sent, str(paths[-1])

        for _ in in_order(self.workers, make_part, asked(), device=self.device != "cpu"):
            path = paths.popleft()
            wait_for(path.exists)
            yield _opened(path)
            if not self.keep:
                path.unlink()

    def forget(self) -> None:
        """Remove the files: the step is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _sent(self, value: Any) -> dict[str, Any]:
        if callable(value):
            return {"function": name_of(value)}
        if not isinstance(value, np.ndarray):
            return {"value": value}
        value = np.ascontiguousarray(value)
        about = key_of(holds=content_hash(value), dtype=value.dtype.str, shape=value.shape)
        path = self.folder / f"{about}.npy"
        if not path.exists():
            _write(path, lambda file: np.save(file, value, allow_pickle=False))
        return {"file": str(path)}


# -- on a worker -------------------------------------------------------------------------------------------------


def make_part(name: str, part: list, sent: dict[str, dict[str, Any]], path: str) -> None:
    """Make one part, unless it is there."""
    if Path(path).exists():
        return
    made = named(name)(*part, **{key: _received(**given) for key, given in sent.items()})
    if isinstance(made, tuple):
        _write(Path(path), lambda file: np.savez(file, *made))
    else:
        _write(Path(path), lambda file: file.write(json.dumps(made).encode()))


def _received(*, file: str = "", function: str = "", value: Any = None) -> Any:
    return _mapped(file) if file else named(function) if function else value


@lru_cache(maxsize=8)
def _mapped(path: str) -> np.ndarray:
    """Copied on write, which nobody does: of a map that is read only, torch warns."""
    return np.load(path, mmap_mode="c", allow_pickle=False)


def _write(path: Path, write: Callable[[Any], Any]) -> None:
    with replacing(path) as beside, beside.open("wb") as file:
        write(file)


def _opened(path: Path) -> Any:
    with path.open("rb") as file:
        if file.read(2) != b"PK":  # of .npz
            return json.loads(path.read_text())
        file.seek(0)
        with np.load(file, allow_pickle=False) as found:
            return tuple(found[name] for name in found.files)
