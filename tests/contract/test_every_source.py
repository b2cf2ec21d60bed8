"""What every source promises, on a tiny set it finds on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from curation.data.items import SPLITS, Items
from curation.engine.registry import methods
from curation.errors import WinnowError
from tests import toy_files

SOURCES = methods("sources")
every = pytest.mark.parametrize("name", SOURCES)


@pytest.fixture(scope="module")
def there(tmp_path_factory) -> dict:
    """Source -> the parameters by which it finds its set."""
    assert set(toy_files.SOURCES) == set(SOURCES), "a new source gets a line in tests/toy_files.py"
    return {name: make(tmp_path_factory.mktemp(name) / "there") for name, make in toy_files.SOURCES.items()}


def read(name: str, params: dict, into: Path) -> Items:
    method = SOURCES[name]
    into.mkdir()
    offer = {"into": into, "progress": lambda *a, **k: None, "group": ""}
    given = {key: value for key, value in offer.items() if key in method.injected}
    return method.call(**method.validated(params, name), **given)


def contents(items: Items) -> list[bytes]:
    if items.has_texts and not items.has_images:
        return [text.encode() for text in items.texts(range(min(len(items), 20)))]
    return [np.asarray(items.image(row)).tobytes() for row in range(min(len(items), 20))]


@every
def test_reads_items_with_names_of_their_own_classes_and_splits(name, there, tmp_path):
    items = read(name, there[name], tmp_path / "into")
    ids = items.column("id").tolist()
    assert len(set(ids)) == len(ids) >= toy_files.N
    assert set(items.column("label")) <= {*items.classes, None}
    assert len(items.classes) >= 2 or "label-free" in SOURCES[name].card.tags
    assert set(items.column("split")) <= set(SPLITS)
    assert items.ok.all()
    assert all(contents(items))


@every
def test_reads_the_same_twice_and_what_was_saved_is_what_was_read(name, there, tmp_path):
    items, again = (read(name, there[name], tmp_path / part) for part in ("a", "b"))
    again.save(tmp_path / "b")
    loaded = Items.load(tmp_path / "b")
    for column in ("id", "label", "split"):
        assert items.column(column).tolist() == loaded.column(column).tolist()
    assert contents(items) == contents(loaded)


@every
def test_writes_nothing_beside_what_it_is_given_to_write_into(name, there, tmp_path):
    paths = [Path(value) for key, value in there[name].items() if key in ("path", "name", "root")]
    before = [tree(path.parent) for path in paths]
    read(name, there[name], tmp_path / "into")
    assert [tree(path.parent) for path in paths] == before


@every
def test_opens_what_its_card_says(name, there):
    endings = SOURCES[name].card.opens
    if not endings:
        assert "path" not in there[name]
        return
    path = there[name]["path"]
    assert "/" in endings if path.is_dir() else path.name.endswith(endings)


@every
def test_a_set_that_is_not_there_is_named_in_one_sentence(name, there, tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    where = {key: str(tmp_path / "nowhere") for key in ("path", "name", "root") if key in there[name]}
    if not where:
        return  # the sample comes with scikit-learn
    with pytest.raises(WinnowError) as caught:
        read(name, {**there[name], **where}, tmp_path / "into")
    assert "nowhere" in str(caught.value)
    assert "\n" not in str(caught.value)


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, by its content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
