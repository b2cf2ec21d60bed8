"""Thumbnails: how large, how often they are made, and what an unreadable item shows."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from cachetools import LRUCache
from PIL import Image

from curation.data.items import make_items
from curation.ui.parts import thumbnails


def _items(*images: np.ndarray, hashes=None):
    n = len(images)
    return make_items(
        ids=[str(i) for i in range(n)],
        labels=["a"] * n,
        splits=["train"] * n,
        hashes=hashes or [f"h{i}" for i in range(n)],
        images=np.stack(images),
    )


def _opened(uri: str) -> tuple[str, Image.Image, int]:
    kind, content = re.fullmatch(r"data:image/([\w+]+);base64,(.+)", uri).groups()
    return kind, Image.open(io.BytesIO(base64.b64decode(content))), len(base64.b64decode(content))


@pytest.fixture(autouse=True)
def _no_thumbnails_from_before():
    thumbnails._made.clear()


def test_a_tiny_image_travels_pixel_by_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    for make in (thumbnails.thumbnail, thumbnails.large):
        kind, image, _ = _opened(make(_items(pixels), 0))
        assert kind == "png"
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_a_small_photograph_travels_without_loss_and_is_not_taken_for_a_digit():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    kind, image, _ = _opened(thumbnails.thumbnail(_items(pixels), 0))
    assert kind == "webp"  # what is not PNG is enlarged smoothly
    np.testing.assert_array_equal(np.asarray(image), pixels)


def test_a_large_image_is_shrunk_to_a_few_kilobytes():
    ramp = np.add.outer(np.arange(300), np.arange(400)).astype(np.uint8)
    kind, image, size = _opened(thumbnails.thumbnail(_items(ramp), 0, 112))
    assert kind == "webp"
    assert image.size == (112, 84)
    assert size < 6_000
    assert _opened(thumbnails.large(_items(ramp), 0, 200))[1].size == (200, 150)


def test_twins_are_made_once_and_items_without_a_hash_every_time():
    dark, light = np.zeros((9, 9), np.uint8), np.full((9, 9), 255, np.uint8)
    twins = _items(dark, light, hashes=["same", "same"])
    assert thumbnails.thumbnail(twins, 1) == thumbnails.thumbnail(twins, 0)  # by content: row 1 came first
    unknown = _items(dark, light, hashes=[None, None])
    assert thumbnails.thumbnail(unknown, 1) != thumbnails.thumbnail(unknown, 0)


def test_old_thumbnails_make_room(monkeypatch):
    items = _items(*[np.full((9, 9), i, np.uint8) for i in range(3)])
    room = sum(sorted(len(thumbnails.thumbnail(items, row)) for row in range(3))[1:])  # for two of them
    monkeypatch.setattr(thumbnails, "_made", LRUCache(room, getsizeof=len))
    for row in (0, 1, 0, 2):
        thumbnails.thumbnail(items, row)
    assert {key[0] for key in thumbnails._made} == {"h0", "h2"}


def test_an_item_that_cannot_be_read_shows_a_placeholder(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"not an image")
    items = make_items(ids=["a"], labels=["x"], splits=["train"], paths=["bad.jpg"], root=tmp_path)
    assert thumbnails.thumbnail(items, 0) == thumbnails.large(items, 0) == thumbnails.PLACEHOLDER


def test_a_large_jpeg_is_decoded_no_larger_than_it_has_to_be(tmp_path):
    Image.new("RGB", (1600, 1200), (200, 30, 30)).save(tmp_path / "big.jpg")
    items = make_items(ids=["a"], labels=["x"], splits=["train"], paths=["big.jpg"], root=tmp_path)
    assert items.image(0, at_least=112).size == (200, 150)
    assert items.image(0).size == (1600, 1200)
