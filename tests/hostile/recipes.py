"""Hostile recipes: texts that are no TOML, values of the wrong kind, names and paths that mean something elsewhere."""

from __future__ import annotations

import random
from pathlib import Path

from tests.hostile.images import mutated

VALUES = (
    *(
        "nan",
        "inf",
        "-1",
        "9" * 400,
        '""',
        '"../../etc/passwd"',
        '"/dev/zero"',
        "[]",
        "{}",
        "true",
        "1979-05-27",
        "0.5",
        "1e400",
    ),
    *(
        '"\\u0000"',
        '"\\u202e"',
        '"' + "x" * 5000 + '"',
        '"$(touch x)"',
        "[" * 200 + "]" * 200,
        '"os.system"',
        '["a", 1]',
        "1",
    ),
)
KEYS = (
    "use",
    "path",
    "keep",
    "by",
    "seed",
    "name",
    "id",
    "action",
    "value",
    "balance",
    "__class__",
    "mistakes",
    "k",
    "into",
)
SECTIONS = ("source", "encode", "map", "verify", "evidence.dynamics", "evidence.x", "grow", "__proto__", "a.b.c")
LISTS = ("score", "flag", "prune", "export", "decision", "source")
USES = (
    "sample",
    "folder",
    "archive",
    "pixels",
    "random",
    "aum",
    "csv",
    "os",
    "../sources/sample",
    "__init__",
    "",
    "precomputed",
)


def recipe(rng: random.Random, folder: Path) -> Path:
    lines = ["[source]", 'use = "sample"', ""] if rng.random() < 0.7 else []
    for _ in range(rng.randint(0, 5)):
        lines.append(f"[{rng.choice(SECTIONS)}]" if rng.random() < 0.5 else f"[[{rng.choice(LISTS)}]]")
        if rng.random() < 0.8:
            lines.append(f'use = "{rng.choice(USES)}"')
        for _ in range(rng.randint(0, 3)):
            lines.append(f"{rng.choice(KEYS)} = {rng.choice(VALUES)}")
    path = folder / "recipe.toml"
    path.write_bytes(mutated(rng, "\n".join(lines).encode()))
    return path
