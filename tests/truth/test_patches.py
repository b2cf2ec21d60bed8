"""The patch encoder against the words of the paper, in plain loops, and its components against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from curation.methods.encoders import patches

SIDE, PATCH, ATOMS = 8, 3, 5


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def features(images):
    return patches._Features(images, PATCH, ATOMS, np.random.default_rng(1), "cpu", lambda done: None)


def even(patch: np.ndarray) -> np.ndarray:
    patch = patch.astype(np.float64).ravel()
    return (patch - patch.mean()) / np.sqrt(patch.var() + patches.CONTRAST)


def test_activations_are_half_the_triangle_activation_of_squared_distances(images, features):
    """Coates et al. 2011, section 3.2.2: f_k(x) = max(0, mean of z - z_k), here with z_k = |x - c_k|^2."""
    centre, whiten, atoms = (
        getattr(features, name).double().numpy() for name in ("centre", "whiten", "dictionary")
    )  # fmt: skip
    places = SIDE - PATCH + 1
    expected = np.zeros((len(images), 2, 2, ATOMS))
    for image, sums in zip(images, expected, strict=True):
        for row in range(places):
            for column in range(places):
                x = whiten @ (even(image[row : row + PATCH, column : column + PATCH]) - centre)
                z = ((x - atoms) ** 2).sum(1)
                sums[row * 2 // places, column * 2 // places] += np.maximum(0, z.mean() - z) / 2
    made = features(torch.from_numpy(images)).numpy().reshape(expected.shape)
    np.testing.assert_allclose(made, np.sqrt(expected), atol=1e-3)


def test_whitened_patches_have_nearly_no_correlation_left(images, features):
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    x = np.stack([even(patch) for patch in windows.reshape(-1, PATCH, PATCH, 3)])
    white = (x - features.centre.numpy()) @ features.whiten.numpy()
    covariance = np.cov(white, rowvar=False)
    off = covariance - np.diag(np.diag(covariance))
    assert np.abs(off).max() < 0.15
    np.testing.assert_allclose(np.diag(covariance), 0.9, atol=0.15)  # variance 1 less the floor, and one dead direction


def test_atoms_have_length_one_and_point_where_patches_are():
    """Three directions of patches, either sign: three atoms, whatever their order and sign."""
    rng = np.random.default_rng(0)
    directions = np.eye(6)[:3]
    which, signs = rng.integers(0, 3, 600), rng.choice([-1.0, 1.0], 600)
    x = signs[:, None] * 4 * directions[which] + 0.05 * rng.normal(size=(600, 6))
    found = patches._k_means(torch.from_numpy(x).float(), 3, np.random.default_rng(4), lambda done: None).numpy()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.sort(np.abs(found @ directions.T), axis=0)[-1], 1, atol=0.01)


def test_components_are_those_of_scikit_learn_divided_by_the_root_of_their_deviation():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(300, 6)) * [9, 7, 5, 3, 2, 1.5]) @ rng.normal(size=(6, 40)) + 0.1 * rng.normal(size=(300, 40))
    x = x.astype(np.float32)
    mean, components = patches._components(torch.from_numpy(x), 5, np.random.default_rng(1))
    made = (torch.from_numpy(x) - mean).numpy() @ components.numpy()
    scores = PCA(5, svd_solver="full").fit_transform((x - x.mean(0)) / x.std(0))

    expected = scores / np.sqrt(scores.std(0))
    signs = np.sign((made * expected).sum(0))
    np.testing.assert_allclose(made * signs, expected, atol=0.02)
