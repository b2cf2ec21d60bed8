"""Hostile .npz and .npy files, as a source and as evidence a person brings."""

# ruff: noqa: E501 - lists of hostile values are easier to read in long lines

# ruff: noqa: E501 - lists of hostile values are easier to read in long lines

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path

import numpy as np

from tests.hostile.archives import _lie
from tests.hostile.images import mutated

SHAPES = (
    *("(4,)", "(4, 3)", "(4, 2, 2)", "(4, 2, 2, 3)", "(1000000000000000,)", "(1000000000000000, 0)", "(0,)", "()"),
    *(
        "(-1,)",
        "(True,)",
        "(4.0,)",
        "(2**70,)",
        "(99999999999999999999999,)",
        "(4, 99999999999)",
        "('a',)",
        "[4]",
        "None",
    ),
)
TYPES = (
    "<i8",
    "<U0",
    "<U3",
    "|S2",
    "|O",
    "<f4",
    "<f8",
    "|u1",
    ">f8",
    "<c16",
    "<M8[s]",
    "|V0",
    "<U999999999",
    "x",
    "[('a', '<i8')]",
)
NAMES = (
    "images",
    "features",
    "labels",
    "split",
    "ids",
    "class_names",
    "probabilities",
    "logits",
    "../../x",
    "classes",
    "mode",
)

SOUND = {
    "features": np.eye(4, 3),
    "labels": np.arange(4) % 2,
    "probabilities": np.eye(4, 3),
    "logits": np.ones((2, 4, 3)),
}


def npy(rng: random.Random) -> bytes:
    """An array that is sound, or a header that lies, or one that would be code."""
    if rng.random() < 0.4:
        out = io.BytesIO()
        sound = [
            np.arange(4), np.array(["a", "b", "", "a"]), np.eye(4, 3), np.zeros((4, 2, 2), np.uint8),
            np.array([{"a": 1}, None, 3, 4], dtype=object), np.full((4, 3), np.nan), np.array([[], []]), np.array("train"),
            np.zeros((4, 3), order="F"), np.array([-5, 2**62, 0, 1]), np.array([b"\xff", b"a", b"", b"b"]),
        ]  # fmt: skip
        np.save(out, rng.choice(sound), allow_pickle=True)
        return mutated(rng, out.getvalue())
    kind = rng.choice(TYPES)
    head = f"{{'descr': {kind if kind[0] == '[' else repr(kind)}, 'fortran_order': {rng.choice(['False', 'True', '1'])}, 'shape': {rng.choice(SHAPES)}}}"
    head = rng.choice([head, head, head, "__import__('os').system('touch x')", "(" * 5000, "{" * 200, "", "9" * 9000])
    version = rng.choice([b"\1\0", b"\2\0", b"\3\0", b"\x09\x09"])
    size = struct.pack("<I" if version[0] > 1 else "<H", rng.choice([len(head), 60_000]))
    return b"\x93NUMPY" + version + size + head.encode() + bytes(rng.choice([0, 32, 400]))


def npz(rng: random.Random, folder: Path) -> Path:
    path = folder / "a.npz"
    names = [rng.choice(NAMES[:2]), "labels", rng.choice(["probabilities", "logits"])]
    names += [name for name in NAMES if rng.random() < 0.25]
    with zipfile.ZipFile(path, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])) as out:
        if rng.random() < 0.4:  # a sound file, but for one array
            names = [rng.choice(NAMES)]
            for name, array in SOUND.items():
                if name not in names:
                    buffer = io.BytesIO()
                    np.save(buffer, array)
                    out.writestr(f"{name}.npy", buffer.getvalue())
        for name in names:
            out.writestr(f"{name}{rng.choice(['.npy', '.npy', '.npy', ''])}", npy(rng))
        if rng.random() < 0.1:
            bomb = io.BytesIO()
            np.save(bomb, np.zeros((4, 700_000), np.float32))
            out.writestr("features.npy", bomb.getvalue(), zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([0, 0, 1])):
        _lie(rng, data)
    path.write_bytes(mutated(rng, bytes(data)))
    return path


def bare(rng: random.Random, folder: Path) -> Path:
    """An .npy with ids beside it, or the folder of a recorder."""
    if rng.random() < 0.5:
        (folder / "run").mkdir()
        for name in ("epoch-0000", "epoch-0001", "ids"):
            (folder / "run" / f"{name}.npy").write_bytes(npy(rng))
        return folder / "run"
    (folder / "a.npy").write_bytes(npy(rng))
    (folder / "a.ids.npy").write_bytes(npy(rng))
    return folder / "a.npy"
