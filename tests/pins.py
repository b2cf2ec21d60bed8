"""Writes the exact versions of this environment to constraints.txt: `python -m tests.pins`; `make upgrade` calls it.

Pinned is what the project asks for (requirements-dev.txt and every extra) and all that comes along with it. Left out
is what torch brings for one kind of machine only, CUDA and Triton: torch pins those itself, and other machines have
others.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import requires as required_by
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
HEAD = """\
# The exact versions the tests ran with. `make run` and `make test` install them; `make upgrade` renews this file.
# What torch needs for a GPU is pinned by torch itself. Python {python}; written by tests/pins.py.
"""


def core() -> list[Requirement]:
    return [Requirement(line) for line in _project()["dependencies"]]


def extras() -> dict[str, list[Requirement]]:
    """Extra -> what it asks for, `all` taken apart."""
    given = {name: [Requirement(line) for line in lines] for name, lines in _project()["optional-dependencies"].items()}
    own = canonicalize_name(_project()["name"])
    for name, asked in given.items():
        inner = [extra for r in asked if canonicalize_name(r.name) == own for extra in r.extras]
        given[name] = [r for r in asked if canonicalize_name(r.name) != own] + [r for e in inner for r in given[e]]
    return given


def listed(name: str) -> list[Requirement]:
    """The lines of a requirements file, those of the files it names included."""
    found = []
    for line in (ROOT / name).read_text().splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            found += listed(line.removeprefix("-r "))
        elif line:
            found.append(Requirement(line))
    return found


def asked_for() -> list[Requirement]:
    return [*core(), *(r for asked in extras().values() for r in asked), *listed("requirements-dev.txt")]


def pins(asked: Iterable[Requirement]) -> dict[str, str]:
    """Name -> version of everything asked for and of all it needs, as it is installed here."""
    found: dict[str, str] = {}
    todo = [(r.name, extra) for r in asked for extra in ("", *r.extras)]
    seen = set()
    while todo:
        name, extra = todo.pop()
        if (name := canonicalize_name(name), extra) not in seen:
            seen.add((name, extra))
            found[name] = version(name).partition("+")[0]  # 2.14.1+cpu is 2.14.1 for another machine
            todo += _below(name, extra)
    return dict(sorted(found.items()))


def _below(name: str, extra: str) -> Iterator[tuple[str, str]]:
    for requirement in map(Requirement, required_by(name) or []):
        of_one_machine = name == "torch" and "platform_system" in str(requirement.marker)
        if not of_one_machine and (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
            yield from ((requirement.name, inner) for inner in ("", *requirement.extras))


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def main() -> None:
    lines = [f"{name}=={pinned}\n" for name, pinned in pins(asked_for()).items()]
    CONSTRAINTS.write_text(HEAD.format(python=f"{sys.version_info.major}.{sys.version_info.minor}") + "".join(lines))
    print(f"{len(lines)} versions pinned in {CONSTRAINTS.name}")


if __name__ == "__main__":
    main()
