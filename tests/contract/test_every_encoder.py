"""What every encoder promises, on eight tiny pictures or short texts, with tiny random weights where it needs some."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from curation.data.contents import Images, TextRows
from curation.data.items import make_items
from curation.data.view import View
from curation.engine.registry import methods
from curation.training.embed import Encoder, embed
from curation.training.embed_texts import TextEncoder, embed_texts
from tests import toy_files

ENCODERS = methods("encoders")
every = pytest.mark.parametrize("name", ENCODERS)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> dict:
    """Encoder -> the parameters it is tried with."""
    assert set(toy_files.ENCODERS) == set(ENCODERS), "a new encoder gets a line in tests/toy_files.py"
    made = {}
    for name, make in toy_files.ENCODERS.items():
        made[name] = make(tmp_path_factory.mktemp(name))
    return made


@pytest.fixture
def items():
    return make_items(
        ids=toy_files.NAMES, labels=toy_files.LABELS, splits=toy_files.SPLITS, images=toy_files.PICTURES,
        written=toy_files.TEXTS,
    )  # fmt: skip


def encoded(name: str, items, params: dict, folder, *, seed: int = 0, rows=None) -> np.ndarray:
    """float32 [n, d], as the encode stage computes it; of some rows only where they are given."""
    method = ENCODERS[name]
    offer = {"rng": np.random.default_rng(seed), "device": "cpu", "progress": lambda *a, **k: None, "items": items}
    contents = {"images": lambda rows: Images(items, rows), "texts": lambda rows: TextRows(items, rows)}
    provide = {**contents, "train": lambda rows: np.flatnonzero(rows < 6)}
    view = View(provide, np.arange(len(items)), classes=("cat", "dog"), needs=(*method.card.needs, "train"))
    given = {key: value for key, value in offer.items() if key in method.injected}
    made = method.call(view, **method.validated(params, name), **given)
    if isinstance(made, TextEncoder):
        folder.mkdir()
        texts = view.texts if rows is None else view.texts.take(rows)
        return np.array(embed_texts(made, texts, folder, progress=offer["progress"], dtype="float32"))
    if not isinstance(made, Encoder):
        return made if rows is None else made[rows]
    assert pickle.loads(pickle.dumps(made.prepare)), "processes that decode get it by pickle"
    if made.text is not None:
        assert made.text.shape == (2, made.dim)
    folder.mkdir()
    images = view.images if rows is None else view.images.take(rows)
    whole = embed(made, images, folder, device="cpu", progress=offer["progress"], dtype="float32", workers=0)
    assert whole.shape[1] == made.dim
    return np.array(whole)


@every
def test_gives_every_item_as_many_finite_numbers(name, weights, items, tmp_path):
    made = encoded(name, items, weights[name], tmp_path / "a")
    assert made.shape[0] == toy_files.N
    assert made.shape[1] >= 1
    assert np.isfinite(made).all()
    assert len(np.unique(made, axis=0)) == toy_files.N, "different pictures are told apart"


@every
def test_same_seed_same_numbers_whatever_stands_beside(name, weights, items, tmp_path):
    whole = encoded(name, items, weights[name], tmp_path / "a", seed=3)
    assert np.array_equal(whole, encoded(name, items, weights[name], tmp_path / "b", seed=3))
    some = encoded(name, items, weights[name], tmp_path / "c", seed=3, rows=np.array([5, 2]))
    np.testing.assert_allclose(some, whole[[5, 2]], rtol=1e-4, atol=1e-5)
