"""Maps against scikit-learn's PCA and umap-learn's own loops."""

import numpy as np
import pytest

from curation.data.view import View
from curation.errors import InputError
from curation.methods.maps import pca, umap
from tests import toy


def rng(seed=0):
    return np.random.default_rng(seed)


def drawn(view, **params):
    return umap.place(view, **params)[0]


def test_pca_is_that_of_scikit_learn_up_to_sign():
    from sklearn.decomposition import PCA

    x = (rng().normal(size=(300, 12)) * np.arange(1, 13) + 5).astype(np.float32)
    ours, theirs = pca.place(View.of(embeddings=x)), PCA(2).fit_transform(x)
    np.testing.assert_allclose(ours * np.sign(ours[0]), theirs * np.sign(theirs[0]), atol=1e-3)


def test_pca_does_not_turn_over_when_rows_are_added():
    x = (rng().normal(size=(300, 4)) * [9, 3, 1, 1]).astype(np.float32)
    part = pca.place(View.of(embeddings=x[:280]))
    assert (part * pca.place(View.of(embeddings=x))[:280]).sum(axis=0).min() > 0


def test_the_fuzzy_graph_is_that_of_umap_learn():
    from umap.umap_ import compute_membership_strengths, smooth_knn_dist

    x = rng().normal(size=(40, 5))
    x[3] = x[2]
    graph = toy.neighbours(x, 6)
    # umap-learn counts each row as its own first neighbour; `py_func` is its source without the compiler.
    indices = np.hstack([np.arange(40)[:, None], graph.indices]).astype(np.int64)
    distances = np.hstack([np.zeros((40, 1)), graph.distances]).astype(np.float32)
    sigma, rho = smooth_knn_dist.py_func(distances, 7.0)
    rows, columns, ties, _ = compute_membership_strengths.py_func(indices, distances, sigma, rho)
    directed = np.zeros((40, 40))
    directed[rows, columns] = ties
    expected = directed + directed.T - directed * directed.T
    np.testing.assert_allclose(umap.fuzzy_graph(graph.indices, graph.distances).toarray(), expected, atol=1e-4)


def test_the_fuzzy_graph_leaves_padding_out():
    indices = np.array([[1, 2], [0, -1], [-1, -1]], np.int32)
    distances = np.where(indices < 0, np.inf, 0.2).astype(np.float32)
    made = umap.fuzzy_graph(indices, distances).toarray()
    assert np.count_nonzero(made) == 4
    assert np.isfinite(made).all()


def test_umap_keeps_blobs_together_and_stays_within_its_frame():
    view = toy.view()
    made = drawn(view, rng=rng())
    assert np.abs(made).max() == pytest.approx(10, abs=1e-3)
    distance = ((made[:, None] - made[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (toy.TRUTH[distance.argmin(axis=1)] == toy.TRUTH).mean() > 0.95


def test_umap_draws_another_map_for_another_seed_and_the_same_for_the_same():
    first, again, other = (drawn(toy.view(), rng=rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_umap_without_neighbours_to_speak_of_falls_back_to_the_principal_axes():
    for n in (1, 2):
        part = toy.view().subset(np.arange(n))
        assert np.isfinite(drawn(part, rng=rng())).all()


def test_umap_refuses_a_neighbourhood_larger_than_was_gathered():
    with pytest.raises(InputError, match="n_neighbors - 1 = 29"):
        drawn(toy.view(), rng=rng(), n_neighbors=30)


def test_umap_opens_tight_clusters_up_and_keeps_the_neighbours_as_well_as_with_the_default_of_umap_learn():
    from sklearn.datasets import load_digits
    from sklearn.manifold import trustworthiness

    x = load_digits().data[:1438].astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    view = View.of(embeddings=x, neighbours=toy.neighbours(x, 15))
    ours, theirs = drawn(view, rng=rng()), drawn(view, rng=rng(), min_dist=0.1)
    assert filled(ours) >= 0.25 > filled(theirs)
    kept = [trustworthiness(x, xy, n_neighbors=15) for xy in (ours, theirs)]
    assert kept[0] >= kept[1] - 0.01


def filled(xy, side=24) -> float:
    """Share of the cells of a grid over the map that hold an item."""
    cells = (xy - xy.min(axis=0)) / np.ptp(xy, axis=0) * side
    return len(np.unique(cells.astype(int).clip(0, side - 1), axis=0)) / side**2


def test_items_beyond_the_sample_lie_among_their_neighbours():
    x = np.repeat(4 * np.eye(3, 8), 500, axis=0) + rng().normal(size=(1500, 8))
    of = np.repeat(np.arange(3), 500)
    view = View.of(embeddings=x.astype(np.float32), neighbours=toy.neighbours(x, 14))
    whole, sampled = drawn(view, rng=rng()), drawn(view, rng=rng(), sample=1000)

    def beside(xy):  # share of the ten nearest on the map that are of the same kind
        near = toy.neighbours(np.column_stack([xy, np.full(len(xy), 40)]), 10).indices
        return (of[near] == of[:, None]).mean()

    assert sampled.shape == (1500, 2)
    assert np.abs(sampled).max() <= 10.001
    assert beside(sampled) > beside(whole) - 0.03


def test_a_map_of_a_sample_says_how_many_were_placed_and_how_many_neighbours_stay_neighbours():
    x = np.repeat(4 * np.eye(3, 8), 500, axis=0) + rng().normal(size=(1500, 8))
    view = View.of(embeddings=x.astype(np.float32), neighbours=toy.neighbours(x, 14))
    xy, notes = umap.place(view, rng=rng(), sample=1000)
    assert (notes["placed"], notes["items_per_placed"]) == (1000, 1.5)
    order = ((xy[:, None].astype(float) - xy[None]) ** 2).sum(axis=2).argsort(axis=1)
    kept = np.array([len({*view.neighbours.indices[i]} & {*order[i, 1:15]}) for i in range(1500)]) / 14
    chosen = np.sort(rng().choice(1500, 1000, replace=False))  # the first thing drawn
    others = np.setdiff1d(np.arange(1500), chosen)
    assert notes["recall"] == pytest.approx(kept[chosen].mean(), abs=1e-4)
    assert notes["recall_of_others"] == pytest.approx(kept[others].mean(), abs=1e-4)
    assert umap.place(view, rng=rng())[1] == {}


def test_an_item_that_no_neighbours_join_to_the_sample_is_placed_by_its_embedding():
    x = np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 0.9], [0.1, 0.9]])
    lists = np.array([[1], [0], [3], [2]])
    found = umap.joined(np.array([[-5.0, 0.0], [5.0, 0.0]]), np.array([0, 1]), lists, np.full((4, 1), 0.1), x)
    np.testing.assert_allclose(found, [[-5, 0], [5, 0], [5, 0], [5, 0]])
