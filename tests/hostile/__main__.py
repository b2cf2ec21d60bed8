"""Feed seeded hostile files to every reader and see that each is read or refused in one sentence, and that is all.

    python -m tests.hostile --count 20000 --seed 7      the long form; the default suite runs 1,000
    python -m tests.hostile --only 7:archive:123        one input again, by the name a failure gives it

Of every input: nothing but Winnow's own errors of one line, no file beside the reader's own folder, items whose paths
stay inside. Of the whole: the peak of memory, of this process and of its decoders.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from curation.data.reading import external_evidence
from curation.data.workspace import Workspace
from curation.engine.plan import plan
from curation.engine.recipe import load_recipe
from curation.errors import InputError, WinnowError
from curation.methods.sources import archive, arrays, folder, table
from tests.hostile import archives, images, recipes, tables
from tests.hostile import arrays as hostile_arrays

ROOT = Path(__file__).resolve().parents[2]


def _read(source) -> Callable[[Path, Path], None]:
    def feed(path: Path, into: Path) -> None:
        named = {} if source is folder else {"into": into}
        items = source.read(path=path, progress=lambda *_: None, **named)
        roots = [os.path.realpath(root) for root in (path.parent, path, into)]
        for row, ok in enumerate(items.ok[:50]):
            place = items.column("path")[row]
            if ok and items.root is not None and place is not None:
                real = os.path.realpath(items.root / place)
                assert any(Path(real).is_relative_to(root) for root in roots), f"{place} is read from {real}"
                items.image(row)

    return feed


def _bring(path: Path, into: Path) -> None:
    refusal = None
    for name, ndim in (("probabilities", 2), ("logits", 3)):
        try:
            external_evidence.read(path, name, ndim)
        except InputError as error:
            refusal = error  # the one of the second name is as good as that of the first
    if refusal:
        raise refusal


def _plan(path: Path, into: Path) -> None:
    recipe = load_recipe(path)
    recipe.toml()
    plan(recipe, Workspace(into))


READERS = {
    "zip": (archives.zipped, _read(archive)),
    "tar": (archives.tarred, _read(archive)),
    "images": (images.image_folder, _read(folder)),
    "npz": (hostile_arrays.npz, _read(arrays)),
    "text": (tables.text_table, _read(table)),
    "parquet": (tables.parquet, _read(table)),
    "brought npz": (hostile_arrays.npz, _bring),
    "brought npy": (hostile_arrays.bare, _bring),
    "brought parquet": (tables.parquet, _bring),
    "recipe": (recipes.recipe, _plan),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="seed:reader:number of one input")
    parser.add_argument("--make", action="store_true", help="only write the inputs whose names are read")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # zipfile warns of the names it is made to write twice
    if asked.make:
        return _make()
    seed, names, numbers = asked.seed, list(READERS), range(asked.count)
    if asked.only:
        seed, name, number = asked.only.split(":")
        names, numbers = [name], [int(number)]
    top = Path(tempfile.mkdtemp(prefix="winnow-hostile-"))
    (top / "here").mkdir()
    os.chdir(top / "here")  # what is written by a relative name is seen as well
    # The inputs are written by another process, so that what they take to write is not counted.
    maker = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile", "--make"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    ends, failures, slowest, start = Counter(), [], (0.0, ""), time.monotonic()
    for number in numbers:
        name = names[number % len(names)]
        end, failure, took = one(name, f"{seed}:{name}:{number}", top, maker)
        slowest = max(slowest, (round(took, 2), f"{seed}:{name}:{number}"))
        ends[f"{name}: {end}"] += 1
        failures += [failure] if failure else []
    shutil.rmtree(top)
    peak = own_peak()
    from curation.data.reading import decoders

    decoders.end_idle()
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    maker.stdin.close()
    maker.wait()
    said = {
        "inputs": len(numbers), "failures": failures[:20], "ends": dict(sorted(ends.items())),
        "peak_mb": round(peak / 1e6), "decoder_peak_mb": round(children / 1e6),
        "slowest": slowest, "seconds": round(time.monotonic() - start, 1),
    }  # fmt: skip
    print(json.dumps(said, indent=1))
    return 1 if failures else 0


def one(name: str, seed: str, top: Path, maker: subprocess.Popen) -> tuple[str, str | None, float]:
    """How one input ended ("read", "refused" or "failed"), what was wrong with that, and how long it took."""
    given, into = top / "given", top / "project"
    for place in (given, into):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
    maker.stdin.write(json.dumps([name, seed, str(given)]) + "\n")
    maker.stdin.flush()
    path = Path(json.loads(maker.stdout.readline()))
    before, began = listing(top), time.monotonic()
    end, problem = "read", None
    try:
        READERS[name][1](path, into)
    except WinnowError as error:
        end, problem = "refused", _one_line(error)
    except Exception:
        problem = traceback.format_exc()[-1500:]
    took = time.monotonic() - began
    if new := listing(top) ^ before:
        problem = f"files outside the project: {sorted(new)[:5]}"
    return ("failed", f"{seed}: {problem}", took) if problem else (end, None, took)


def _make() -> int:
    for line in sys.stdin:
        name, seed, given = json.loads(line)
        print(json.dumps(str(READERS[name][0](random.Random(seed), Path(given)))), flush=True)
    return 0


def own_peak() -> int:
    """Bytes. `ru_maxrss` would count what the process that started this one took."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def _one_line(error: WinnowError) -> str | None:
    text = str(error)
    return None if text.strip() and "\n" not in text and "Traceback" not in text else f"its sentence is {text!r}"


def listing(top: Path) -> set[str]:
    """Every file around the project, beside it and in the folders above that a member may aim at."""
    found = {str(path) for path in top.rglob("*") if not path.is_relative_to(top / "project")}
    aims = (top.parent, Path("/"), Path.home(), Path("/tmp"))
    return found | {str(aim / archives.OUTSIDE) for aim in aims if (aim / archives.OUTSIDE).exists()}


if __name__ == "__main__":
    sys.exit(main())
