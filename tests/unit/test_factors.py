"""The sparse autoencoder finds the factors data were made of, and its answer survives the disk."""

from __future__ import annotations

import json

import numpy as np

from curation.data.results import Factors
from curation.data.view import View
from curation.engine import results
from curation.training import sparse_autoencoder


def test_it_finds_the_directions_data_were_made_of():
    """600 items, each two of eight orthogonal directions: every direction has a factor that fires where it is."""
    rng = np.random.default_rng(0)
    held = np.stack([rng.choice(8, 2, replace=False) for _ in range(600)])
    x = np.eye(16, dtype=np.float32)[held].sum(axis=1) + 0.02 * rng.normal(size=(600, 16)).astype(np.float32)
    codes, dead = sparse_autoencoder.fit(x, m=24, k=4, steps=600, seed=0)
    assert codes.r2 > 0.95
    assert dead < 24
    z = np.zeros((600, 24))
    np.put_along_axis(z, codes.indices.astype(int), codes.values.astype(float), axis=1)
    truth = np.zeros((600, 8))
    np.put_along_axis(truth, held, 1.0, axis=1)
    alike = np.corrcoef(z.T + 1e-12 * rng.normal(size=z.T.shape), truth.T)[:24, 24:]
    assert (alike.max(axis=0) > 0.7).all()


def test_the_same_seed_gives_the_same_factors():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    first, again, other = (sparse_autoencoder.fit(x, m=8, k=2, steps=10, seed=s)[0] for s in (1, 1, 2))
    assert np.array_equal(first.indices, again.indices)
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


def test_factors_come_back_from_the_disk_as_they_were(tmp_path):
    codes = Factors(np.array([[0, 5], [2, 1]], np.int16), np.array([[1.5, 0.0], [0.5, 0.25]], np.float16), 6, 0.9)
    about = results.save(codes, np.arange(2), tmp_path)
    (tmp_path / "card.json").write_text(json.dumps(about))
    found = results.load_evidence(tmp_path)
    assert np.array_equal(found.indices, codes.indices)
    assert np.array_equal(found.values, codes.values)
    assert (found.m, found.r2) == (6, 0.9)


def test_a_view_cut_to_some_rows_has_their_factors():
    codes = Factors(np.array([[0], [1], [2]], np.int16), np.ones((3, 1), np.float16), 3, 1.0)
    part = View.of(factors=codes).subset(np.array([2, 0]))
    assert part.factors.indices.ravel().tolist() == [2, 0]
