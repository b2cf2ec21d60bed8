"""A .npy file that grows along its first axis: what comes piece by piece is never held as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class Growing:
    """Pieces of one shape and type, appended to a file that is a valid .npy array after each of them.

    >>> import tempfile
    >>> growing = Growing(Path(tempfile.mkdtemp()) / "x.npy", (2,), np.float16)
    >>> growing.append(np.array([1, 2])); growing.append(np.array([3, 4]))
    >>> growing.finished().tolist(), len(growing)
    ([[1.0, 2.0], [3.0, 4.0]], 2)
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type[np.generic]):
        """shape: of a piece. Replaces what lies at `path`."""
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self._pieces = 0
        path.write_bytes(b"")
        self._write_header()

    def __len__(self) -> int:
        return self._pieces

    def append(self, piece: np.ndarray) -> None:
        piece = np.ascontiguousarray(piece, self.dtype)
        if piece.shape != self.shape:
            raise ValueError(f"a piece of shape {piece.shape} does not fit into a file of {self.shape}")
        with self.path.open("ab") as file:
            piece.tofile(file)
        self._pieces += 1
        self._write_header()

    def finished(self) -> np.ndarray:
        """The array [pieces, *shape], memory-mapped and read-only."""
        return np.load(self.path, mmap_mode="r", allow_pickle=False)

    def _write_header(self) -> None:
        """numpy leaves room in every header for the first axis to grow, so that it keeps its length."""
        about = {"descr": self.dtype.str, "fortran_order": False, "shape": (self._pieces, *self.shape)}
        with self.path.open("r+b") as file:
            np.lib.format.write_array_header_1_0(file, about)
