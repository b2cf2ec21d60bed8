"""What passes for fine texture, on pictures made for it and on two photographs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from curation.data.items import make_items
from curation.data.textures import coarse, fine_texture


def of(pictures: np.ndarray):
    n = len(pictures)
    return make_items(ids=[str(i) for i in range(n)], labels=["a"] * n, splits=["train"] * n, images=pictures)


def noise(n: int = 20, side: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side), dtype=np.uint8)


def crops() -> np.ndarray:
    """Twenty windows of scikit-learn's two photographs, 32 x 32."""
    rng, found = np.random.default_rng(0), []
    for image in load_sample_images().images:
        for _ in range(10):
            y, x = rng.integers(0, (image.shape[0] - 192, image.shape[1] - 192))
            window = Image.fromarray(image[y : y + 192, x : x + 192])
            found.append(np.asarray(window.resize((32, 32), Image.Resampling.BOX)))
    return np.stack(found)


def test_noise_is_fine_texture():
    assert fine_texture(of(noise()))


@pytest.mark.parametrize(
    "pictures",
    [crops(), crops().mean(axis=3).astype(np.uint8), (load_digits().images[:50] * 15.9).astype(np.uint8)],
    ids=["photographs", "grey photographs", "digits"],
)
def test_pictures_of_something_are_not(pictures):
    assert not fine_texture(of(pictures))


def test_large_images_are_not_since_shrinking_would_lose_it():
    assert not fine_texture(of(noise(4, 65)))
    assert fine_texture(of(noise(4, 64)))


def test_the_median_image_decides():
    grey = crops().mean(axis=3).astype(np.uint8)
    assert fine_texture(of(np.concatenate([noise(), grey[:8]])))
    assert not fine_texture(of(np.concatenate([noise(8), grey])))


def test_the_share_of_what_is_coarse_by_hand():
    halves = np.repeat(np.repeat([[0, 200]], 8, axis=0), 4, axis=1).astype(np.uint8)  # two halves, 8 x 8
    assert coarse(Image.fromarray(halves)) == 1.0
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 200).astype(np.uint8)  # blocks of 2 x 2, all with one mean
    assert coarse(Image.fromarray(board)) == 0.0


def test_a_source_without_images_has_no_texture():
    assert not fine_texture(make_items(ids=["a"], labels=["x"], splits=["train"]))
