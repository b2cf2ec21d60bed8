"""What every exporter promises, on a manifest of five items with awkward names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curation.data.items import make_items
from curation.engine.registry import methods

EXPORTERS = methods("exporters")
every = pytest.mark.parametrize("name", EXPORTERS)

IDS = ["a", "sub/b", "é", "=1+1", "line\nbreak"]
KEPT = [True, False, True, True, False]


@pytest.fixture
def items(request):
    if "chat" in EXPORTERS[request.getfixturevalue("name")].card.tags:
        return conversations()
    pixels = (np.arange(5, dtype=np.uint8) * 50)[:, None, None].repeat(4, 1).repeat(3, 2)
    return make_items(
        ids=IDS, labels=["x", "x", "y", "y", None], splits=["train"] * 3 + ["test", "unlabeled"], images=pixels
    )


def conversations():
    """The same names and splits as conversations."""
    said = [f'{{"prompt": "{i}?", "completion": "{i}."}}' for i in range(5)]
    splits = ["train"] * 3 + ["test", "train"]
    return make_items(
        ids=IDS, labels=[None] * 5, splits=splits, labelled=False, written=said, records=said, record_rows=range(5)
    )


@pytest.fixture
def manifest(items):
    return pa.table(
        {
            "id": IDS,
            "path": pa.array([None] * 5, pa.string()),
            "split": items.column("split").tolist(),
            "label": pa.array(items.column("label").tolist(), pa.string()),
            "kept": KEPT,
            "rank": pa.array([2, None, 1, None, None], pa.int32()),
            "weight": pa.array([1.0 if kept else None for kept in KEPT], pa.float64()),
            "reason": ["", '=too, "hard"', "", "", ""],
        }
    )


def write(name: str, manifest: pa.Table, items, at: Path) -> list[Path]:
    method = EXPORTERS[name]
    given = {"items": items} if "items" in method.injected else {}
    return method.call(manifest, **method.validated({"path": at}, name), **given)


@every
def test_writes_what_it_says_and_nothing_beside_it(name, manifest, items, tmp_path):
    at = tmp_path / "out" / f"kept{EXPORTERS[name].card.ending}"
    at.parent.mkdir()
    written = write(name, manifest, items, at)
    assert at in written
    assert all(path.exists() for path in written)
    assert set(at.parent.iterdir()) == set(written)


@every
def test_the_same_manifest_gives_the_same_bytes_and_an_own_export_is_written_again(name, manifest, items, tmp_path):
    at = tmp_path / f"kept{EXPORTERS[name].card.ending}"
    first = {path: content(path) for path in write(name, manifest, items, at)}
    assert {path: content(path) for path in write(name, manifest, items, at)} == first


@every
def test_an_empty_manifest_is_written_or_refused_in_words(name, manifest, items, tmp_path):
    from curation.errors import InputError

    at = tmp_path / f"kept{EXPORTERS[name].card.ending}"
    refusal = ""
    try:
        written = write(name, manifest.slice(0, 0), items, at)
    except InputError as error:
        written, refusal = [], str(error)
    assert all(path.exists() for path in written)
    assert bool(refusal) != bool(written)
    assert "\n" not in refusal
    assert at.exists() == (not refusal)


def content(path: Path) -> dict[str, bytes]:
    """File -> bytes, of a file or a folder."""
    files = [path] if path.is_file() else sorted(part for part in path.rglob("*") if part.is_file())
    return {str(part.relative_to(path.parent)): part.read_bytes() for part in files}
