"""The members of an .npz, read without trust: nothing is unpickled, and no size is believed before it is checked.

An .npz is a zip of .npy files. What a header promises has to be there in the file, a member may not unpack to more
than 200 times its size, and nothing is allocated for rows beyond a limit.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from curation.data.reading.archive_streams import CHUNK, DAMAGED, PACKINGS, Sparing, refuse_overlaps
from curation.data.reading.archives import MAX_RATIO, RATIO_FROM
from curation.data.reading.cells import MAX_ROWS
from curation.errors import SourceError

MAX_SMALL = 128 * 1024**2  # bytes of an array that is held in memory, such as labels
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}

Header = tuple[tuple[int, ...], bool, np.dtype]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The file, and what goes wrong with it as one sentence. Raises SourceError."""
    try:
        with Sparing(path) as packed, zipfile.ZipFile(packed) as archive:
            refuse_overlaps(path, archive.infolist(), archive.start_dir)
            yield archive
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder, not an .npz file; use the source folder") from None
    except MemoryError:
        raise SourceError(f"{path} takes more memory to read than there is") from None
    except (*DAMAGED, NotImplementedError, OSError, tarfile.TarError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path} is not an .npz file, or is damaged ({said})") from None


def header(path: Path, archive: zipfile.ZipFile, name: str) -> Header:
    """(shape, in Fortran order, dtype) of a member, without reading its data."""
    info = archive.getinfo(f"{name}.npy")
    if info.flag_bits & 0x1:
        raise SourceError(f"{path} is protected by a password; save it without one")
    if info.compress_type not in PACKINGS:
        raise NotImplementedError(f"compression type {info.compress_type}")
    with archive.open(info) as member:
        try:
            shape, fortran, dtype = READERS[np.lib.format.read_magic(member)](member)
        except (zipfile.BadZipFile, OSError, EOFError):
            raise
        except Exception as error:  # the header is Python text; hostile ones raise whatever a parser can
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise SourceError(f"{path}: {name} is not a numpy array ({said})") from None
    if dtype.hasobject:
        raise SourceError(
            f"{path}: {name} holds pickled Python objects, which are never loaded since they can run code; "
            "save it as numbers or with dtype=str"
        )
    if min(shape, default=0) < 0 or info.file_size < math.prod(shape) * dtype.itemsize:
        raise SourceError(f"{path}: {name} does not hold what its header says, shape {list(shape)}")
    if max(shape[:1], default=0) > MAX_ROWS:
        raise SourceError(f"{path}: {name} has {shape[0]:,} rows, over the limit of {MAX_ROWS:,}")
    if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
        raise SourceError(
            f"{path}: {name} unpacks to more than {MAX_RATIO} times its size, like files made to fill a disk; "
            "if you trust it, save it with numpy.savez, uncompressed"
        )
    return shape, fortran, dtype


def names(archive: zipfile.ZipFile) -> list[str]:
    """The arrays in it."""
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def mapped(path: Path) -> np.ndarray:
    """An .npy, memory-mapped. Raises SourceError, OSError."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # as in `header`
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path} is not a numpy array ({said})") from None


def read(path: Path, archive: zipfile.ZipFile, name: str, limit: int = MAX_SMALL) -> np.ndarray:
    """A member of at most `limit` bytes, in memory; bytes as text."""
    shape, _, dtype = header(path, archive, name)
    size = math.prod(shape) * dtype.itemsize
    if size > limit:
        raise SourceError(f"{path}: {name} takes {size:,} bytes, over the limit of {limit:,}")
    with archive.open(f"{name}.npy") as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
    return np.char.decode(array, "utf-8", "replace") if dtype.kind == "S" else array


def stream(path: Path, archive: zipfile.ZipFile, name: str, into: Path) -> np.ndarray:
    """A member of any size, streamed to `into/<name>.npy` (it is an .npy file already) and memory-mapped."""
    _, fortran, dtype = header(path, archive, name)
    size, free = archive.getinfo(f"{name}.npy").file_size, shutil.disk_usage(into).free
    if size > free:
        raise SourceError(f"{path}: {name} needs {size / 1e9:.1f} GB and {into} has {free / 1e9:.1f} GB left")
    target = into / f"{name}.npy"
    with archive.open(f"{name}.npy") as member, target.open("wb") as out:
        shutil.copyfileobj(member, out, CHUNK)
    array = mapped(target)
    if fortran or not dtype.isnative:  # rare: rewritten, so that a row is contiguous and of this machine's kind
        array = np.ascontiguousarray(array, dtype.newbyteorder("="))
        target.unlink()
        np.save(target, array, allow_pickle=False)
    return array
