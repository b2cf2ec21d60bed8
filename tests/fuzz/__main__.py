"""Fuzz the readers: bytes that reach code no bytes reached before are changed further, for a bounded time.

    python -m tests.fuzz                    every reader for 30 seconds
    python -m tests.fuzz zip --seconds 600

Needs atheris (`make fuzz` installs it; Linux and macOS, the Pythons it has wheels for). The corpus starts with what
`tests.hostile` makes. A finding is anything but Winnow's own errors; the bytes are kept as `crash-...` in the folder
that is named. Images are decoded in this process here, so that coverage is seen.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

ENDINGS = {"zip": "zip", "tar": "tar", "npz": "npz", "text": "csv", "jsonl": "jsonl", "recipe": "toml", "image": "png"}
MAKERS = {"jsonl": "text", "image": "images"}
LARGEST = 20_000  # bytes of an input


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("reader", nargs="?", choices=ENDINGS)
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    if asked.reader:
        return fuzz(asked.reader, asked.seconds)
    ends = {}
    for reader in ENDINGS:
        command = [sys.executable, "-m", "tests.fuzz", reader, "--seconds", str(asked.seconds)]
        ends[reader] = subprocess.run(command, check=False).returncode
    print("; ".join(f"{reader}: {'fine' if code == 0 else f'ended with {code}'}" for reader, code in ends.items()))
    return max(ends.values())


def fuzz(reader: str, seconds: int) -> int:
    try:
        import atheris
    except ImportError:
        print("atheris is not installed and nothing was fuzzed; `make fuzz` installs it, where it has a wheel")
        return 2
    with atheris.instrument_imports(include=["curation", "zipfile", "tarfile", "json"]):
        import json  # noqa: F401
        import tarfile  # noqa: F401
        import zipfile  # noqa: F401

        from curation.data.reading.archives import unpack
        from curation.data.reading.image_checks import examine_bytes
        from curation.data.reading.npz import names, opened, read
        from curation.data.reading.tables import columns_of, read_rows
        from curation.engine.recipe import load_recipe
    from curation.errors import WinnowError

    warnings.simplefilter("ignore")
    top = Path(tempfile.mkdtemp(prefix=f"winnow-fuzz-{reader}-"))
    corpus, path, into = top / "corpus", top / f"input.{ENDINGS[reader]}", top / "project"
    seeded(reader, corpus)

    def archive() -> None:
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir()
        unpack(path, into, lambda *_: None, max_total=50_000_000)
        assert {entry.name for entry in top.iterdir()} <= {"corpus", "project", path.name}

    def arrays() -> None:
        with opened(path) as held:
            for name in names(held):
                read(path, held, name)

    def table() -> None:
        for _ in read_rows(path, columns_of(path)[:3]):
            pass

    feeds = {"zip": archive, "tar": archive, "npz": arrays, "text": table, "jsonl": table}

    def one(data: bytes) -> None:
        if reader == "image":
            examine_bytes(data)
            return
        path.write_bytes(data)
        try:
            feeds.get(reader, lambda: load_recipe(path))()
        except WinnowError as error:
            if "\n" in str(error):
                raise AssertionError(f"more than one line: {error}") from None

    limits = [f"-max_total_time={seconds}", f"-max_len={LARGEST}", "-rss_limit_mb=2000", "-timeout=20", "-verbosity=0"]
    print(f"{reader}: {seconds} s, findings to {top}", flush=True)
    atheris.Setup([sys.argv[0], *limits, "-print_final_stats=1", f"-artifact_prefix={top}/", str(corpus)], one)
    atheris.Fuzz()  # ends the process
    return 0


def seeded(reader: str, corpus: Path) -> None:
    """A hundred hostile inputs to start from, those that are small enough."""
    from tests.hostile.__main__ import READERS

    corpus.mkdir(parents=True)
    for number in range(100):
        with tempfile.TemporaryDirectory() as folder:
            made = READERS[MAKERS.get(reader, reader)][0](random.Random(f"fuzz:{reader}:{number}"), Path(folder))
            files = [made] if made.is_file() else [file for file in made.rglob("*") if not file.is_symlink()]
            for file in files:
                if file.is_file() and file.stat().st_size <= LARGEST:
                    (corpus / f"{number}-{file.name}").write_bytes(file.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
