"""Hostile csv, jsonl and parquet files."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile.images import mutated, picture

PATHS = (
    *(
        "a/1.png",
        "../x.png",
        "/etc/passwd",
        "a/../../x.png",
        "C:\\x.png",
        "out/x.png",
        "\\\\server\\x.png",
        "",
        " ",
        ".",
        "..",
    ),
    *(
        "a" * 5000,
        "a\0b.png",
        "\udc80.png",
        "/dev/zero",
        "/proc/self/mem",
        "file:///etc/passwd",
        "http://localhost/x.png",
    ),
    *(
        "$(touch x).png",
        "`id`.png",
        "|id",
        "~/.ssh/id_rsa",
        "%2e%2e/x.png",
        "a/1.png/",
        "=1+1",
        "a//1.png",
        "loop/x.png",
    ),
)
LABELS = (
    "cat",
    "dog",
    "",
    "=1+1",
    "<script>alert(1)</script>",
    "\u202e",
    "x" * 2000,
    "-1",
    "NaN",
    "Infinity",
    "a\nb",
    "\0",
    "é",
)
SPLITS = ("train", "train", "train", "test", "test", "test", "", "", "TRAIN ", "monday")


def beside(rng: random.Random, folder: Path) -> None:
    """What the paths may point to."""
    (folder / "a").mkdir()
    (folder / "a" / "1.png").write_bytes(picture(rng))
    (folder / "out").symlink_to("/etc")
    (folder / "loop").symlink_to("loop")


def text_table(rng: random.Random, folder: Path) -> Path:
    beside(rng, folder)
    kind = rng.choice(["csv", "tsv", "jsonl"])
    rows = [(rng.choice(PATHS), rng.choice(LABELS), rng.choice(SPLITS)) for _ in range(rng.randint(0, 6))]
    lines = _json(rng, rows) if kind == "jsonl" else _csv(rng, rows, "\t" if kind == "tsv" else ",")
    codec = rng.choice(
        ["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-32", "utf-7"]
    )
    data = rng.choice(["\n", "\r\n", "\n", "\r"]).join(lines).encode(codec, "replace")
    path = folder / f"t.{kind}"
    path.write_bytes(mutated(rng, data))
    return path


def _csv(rng: random.Random, rows: list, mark: str) -> list[str]:
    quote = rng.choice(["", "", '"'])
    lines = [mark.join(("path", "label", "split"))]
    if rng.random() < 0.9:  # a zero byte ends the reading at once
        rows = [[cell.replace("\0", "") for cell in row] for row in rows]
    lines += [mark.join(f"{quote}{cell}{quote}" for cell in row) for row in rows]
    strange = rng.random()
    if strange < 0.05:
        lines[0] = mark.join(f"c{i}" for i in range(20_000))
    elif strange < 0.1:
        lines.append(f"a/1.png{mark}" + "x" * 17_000_000)
    elif strange < 0.15:
        lines.append('"never closed' + mark * 3)
    elif strange < 0.2:
        lines[0] = rng.choice(["path,path,label", ",,", "", "label", '"path""",label'])
    elif strange < 0.23:
        lines += ["a/1.png,cat,train"] * 3_000
    return lines


def _json(rng: random.Random, rows: list) -> list[str]:
    lines = [json.dumps(dict(zip(("path", "label", "split"), row, strict=True))) for row in rows]
    strange = (
        *(
            "[" * 100_000,
            '{"path": ' + "[" * 900 + "]" * 900 + "}",
            '{"path": "a/1.png", "label": ' + "9" * 10_000 + "}",
        ),
        *(
            '{"path": "a/1.png", "label": NaN}',
            '{"path": "a/1.png", "label": -Infinity}',
            '{"label": 1e999, "path": "a/1.png"}',
        ),
        *(
            "null",
            "[]",
            "{}",
            '"text"',
            '{"path": {"path": "a/1.png"}, "label": {}}',
            '{"path": "a/1.png", "label": ["x"]}',
        ),
        *(
            '{"path": "\\ud800", "label": "\\udfff"}',
            '{"path": true, "label": false}',
            '{"path": 1, "label": 2}',
            "{broken",
        ),
        *(json.dumps({f"k{i}": i for i in range(11_000)}), '{"path": "a/1.png", "label": "' + "x" * 17_000_000 + '"}'),
    )
    for _ in range(rng.randint(0, 2)):
        lines.insert(rng.randint(0, len(lines)), rng.choice(strange))
    return lines


def parquet(rng: random.Random, folder: Path) -> Path:
    beside(rng, folder)
    n, meta = rng.randint(0, 6), {}
    images = [
        [rng.choice(PATHS).encode("utf-8", "replace").decode() for _ in range(n)],
        [rng.choice([picture(rng), b"", b"text"]) for _ in range(n)],
        [
            {"bytes": rng.choice([picture(rng), None]), "path": rng.choice(["x.png", "/etc/passwd", None])}
            for _ in range(n)
        ],
        [[1, 2]] * n,
        [1.5] * n,
    ]
    labels = [
        [rng.choice([*LABELS, None]) for _ in range(n)],
        [rng.choice([0, 1, -1, 2**40]) for _ in range(n)],
        [[["x"]]] * n,
    ]
    columns = {"path": rng.choice(images), "label": rng.choice(labels)}
    if rng.random() < 0.12:  # one long value for many rows: small in the file, gigabytes when unpacked
        n = rng.choice([20_000, 200_000])
        long = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), ["x" * rng.choice([40_000, 2_000_000])])
        columns = {"path": long, "label": ["cat"] * n}
    if rng.random() < 0.4:
        about = rng.choice(
            [
                {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["a", "b"]}}}},
                {"info": {"features": {"label": {"_type": "ClassLabel", "names": [None, {"a": 1}, 3]}}}},
                {"info": {"features": {"label": {"_type": "ClassLabel", "names": "text"}}}},
                *({"info": []}, [], {"info": {"features": {"label": 3}}}, "text"),
            ]
        )
        meta = {
            "huggingface": rng.choice(
                [json.dumps(about), "{broken", "[" * 100_000, "\udc80".encode("utf-8", "replace")]
            )
        }
    table = pa.table(columns).replace_schema_metadata(meta)
    path = folder / "t.parquet"
    groups = 10**6 if n > 10 else rng.choice([2, 10**6])
    packing = "zstd" if n > 10 else rng.choice(["zstd", "snappy", "none"])
    pq.write_table(table, path, compression=packing, row_group_size=groups, dictionary_pagesize_limit=2**30)
    data = path.read_bytes()
    if rng.random() < 0.2:  # in the footer, where the sizes stand
        broken = bytearray(data)
        for _ in range(rng.choice([1, 4])):
            at = len(data) - 9 - rng.randrange(min(len(data) - 9, 600))
            broken[at] = rng.randrange(256)
        data = bytes(broken)
    path.write_bytes(mutated(rng, data))
    return path
