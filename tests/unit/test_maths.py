import numpy as np
import pytest

from curation.data.results import Neighbours
from curation.errors import InputError
from curation.maths.arrays import argsort_random_ties, pca
from curation.maths.selection.greedy import farthest_first
from curation.maths.similarity import exact
from curation.maths.similarity.exact import first, largest_products, nearest, sorted_and_padded, unit
from curation.maths.similarity.graph import symmetric


def test_unit_keeps_zero_rows_and_survives_huge_and_tiny_numbers():
    x = np.array([[0, 0], [3e30, 4e30], [3e-30, 4e-30]], dtype=np.float32)
    np.testing.assert_allclose(unit(x), [[0, 0], [0.6, 0.8], [0.6, 0.8]], rtol=1e-6)


def test_equal_values_are_ordered_by_the_seed_and_nothing_else():
    values = np.array([1.0, 0.0, 1.0, 1.0, 1.0])
    orders = {tuple(argsort_random_ties(values, np.random.default_rng(seed))) for seed in range(20)}
    assert len(orders) > 5
    assert all(order[0] == 1 for order in orders)
    assert tuple(argsort_random_ties(values, np.random.default_rng(3))) == tuple(
        argsort_random_ties(values, np.random.default_rng(3))
    )


def test_copies_find_each_other_and_never_themselves():
    x = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    graph = nearest(x, 2)
    assert graph.indices.tolist() == [[1, 2], [0, 2], [0, 1]]
    np.testing.assert_allclose(graph.distances, [[0, 1], [0, 1], [1, 1]], atol=1e-6)


def test_a_zero_row_is_at_distance_one_from_everything():
    graph = nearest(np.array([[0, 0], [1, 0], [0, 2]], dtype=np.float32), 2)
    assert graph.distances[0].tolist() == [1.0, 1.0]


def test_rows_with_too_few_neighbours_are_padded():
    graph = nearest(np.eye(2, dtype=np.float32), 4)
    assert graph.indices.tolist() == [[1, -1, -1, -1], [0, -1, -1, -1]]
    assert np.isinf(graph.distances[:, 1:]).all()
    alone = nearest(np.ones((1, 3), np.float32), 2)
    assert alone.indices.tolist() == [[-1, -1]]


def test_blocks_do_not_change_neighbours(monkeypatch):
    x = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    whole = nearest(x, 5)
    monkeypatch.setattr("curation.maths.similarity.exact._BLOCK", 150)  # three rows at a time
    assert np.array_equal(nearest(x, 5).indices, whole.indices)
    some = nearest(x, 5, rows=np.array([7, 3]))
    assert np.array_equal(some.indices, whole.indices[[7, 3]])


@pytest.mark.parametrize("few", [0, 1000], ids=["torch", "numpy"])
@pytest.mark.parametrize(("rows", "block"), [(1 << 16, 1 << 24), (7, 20), (1, 1)])
@pytest.mark.parametrize("k", [1, 4, 30])
def test_the_largest_products_are_those_of_the_whole_matrix_in_any_blocks(monkeypatch, few, rows, block, k):
    monkeypatch.setattr(exact, "_FEW", few)
    monkeypatch.setattr(exact, "_ROWS", rows)
    monkeypatch.setattr(exact, "_BLOCK", block)
    rng = np.random.default_rng(0)
    x, scale, offset = rng.normal(size=(30, 5)).astype(np.float16), rng.uniform(size=30), rng.normal(size=30)
    x[20] = x[3]
    own, numbers = np.arange(0, 30, 2), rng.integers(0, 3, 30)
    wanted = (x[own].astype(np.float64) @ x.T.astype(np.float64)) * scale + offset
    wanted[np.arange(15), own] = -np.inf
    wanted[numbers[own][:, None] == numbers] = -np.inf
    index, value = largest_products(
        x[own].astype(np.float32), x, k, scale=scale.astype(np.float32), offset=offset.astype(np.float32), own=own,
        apart=(numbers[own], numbers),
    )  # fmt: skip
    np.testing.assert_allclose(-np.sort(-value, axis=1), -np.sort(-wanted, axis=1)[:, :k], atol=1e-5)
    np.testing.assert_allclose(value, np.take_along_axis(wanted, index, axis=1), atol=1e-5)
    assert all(len(set(line)) == k for line in index.tolist())


@pytest.mark.parametrize("few", [0, 1000], ids=["torch", "numpy"])
def test_of_equal_products_the_lowest_row_is_found(monkeypatch, few):
    monkeypatch.setattr(exact, "_FEW", few)
    monkeypatch.setattr(exact, "_ROWS", 4)
    assert largest_products(np.ones((2, 3), np.float32), np.ones((9, 3)), 1)[0].tolist() == [[0], [0]]
    assert [part.shape for part in largest_products(np.ones((2, 3), np.float32), np.ones((0, 3)), 4)] == [(2, 0)] * 2


def test_lists_of_neighbours_become_a_graph_without_directions():
    rng = np.random.default_rng(0)
    indices = np.array([rng.choice(40, 5, replace=False) for _ in range(40)])
    indices[rng.random((40, 5)) < 0.2] = -1
    distances = np.abs(indices - np.arange(40)[:, None]).astype(np.float32)  # some are 0
    start, column, distance = symmetric(indices, distances)
    for i in range(40):
        wanted = sorted({j for j in range(40) if i in indices[j] or j in indices[i]})
        assert column[start[i] : start[i + 1]].tolist() == wanted
        assert distance[start[i] : start[i + 1]].tolist() == [abs(i - j) for j in wanted]


def test_what_was_not_found_goes_last_and_ties_go_to_the_lower_number():
    graph = sorted_and_padded(np.array([[-1, 5, 2, 9]]), np.array([[0.0, 0.3, 0.3, 0.1]]), 5)
    assert graph.indices.tolist() == [[9, 2, 5, -1, -1]]
    assert graph.distances[0, 3:].tolist() == [np.inf, np.inf]


def test_asking_for_more_neighbours_than_were_gathered_is_an_error_that_names_both_numbers():
    graph = Neighbours(np.zeros((3, 4), np.int32), np.zeros((3, 4), np.float32))
    assert first(graph, 4)[0].shape == (3, 4)
    with pytest.raises(InputError, match=r"k = 5 .* the 4 that were gathered"):
        first(graph, 5)


def test_principal_axes_have_a_fixed_sign_and_zero_beyond_the_rank():
    x = np.outer([-1.0, 0.0, 1.0], [0.0, -2.0, 0.0]).astype(np.float32)
    assert pca(x, 2).tolist() == [[2.0, 0.0], [0.0, 0.0], [-2.0, 0.0]]
    assert pca(np.ones((4, 3), np.float32)).tolist() == [[0.0, 0.0]] * 4
    assert pca(np.ones((1, 1), np.float32)).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("shape", [(40, 6), (6, 40), (30, 30)])
def test_principal_axes_are_those_of_the_singular_values_however_wide_the_rows(shape):
    x = (np.random.default_rng(0).normal(size=shape) * np.linspace(1, 3, shape[1]) + 50).astype(np.float32)
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:3]
    axes *= np.sign(axes[np.arange(3), np.abs(axes).argmax(axis=1)])[:, None]
    np.testing.assert_allclose(pca(x, 3), centred @ axes.T, atol=1e-3)


def plain_farthest_first(x, budget, start):
    """Every distance from scratch, in float64, for every pick."""
    x, picks = x.astype(np.float64), [start]
    while len(picks) < budget:
        gap = ((x[:, None] - x[picks]) ** 2).sum(axis=2).min(axis=1)
        gap[picks] = -1
        picks.append(int(gap.argmax()))
    return picks


@pytest.mark.parametrize("seed", range(5))
def test_farthest_first_takes_what_the_plain_loop_takes(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(120, 7)).astype(np.float32)
    assert farthest_first(x, 60, 4).tolist() == plain_farthest_first(x, 60, 4)


@pytest.mark.parametrize(("shrink", "few"), [(2, 4), (3, 10), (16, 16)])
def test_farthest_first_takes_the_same_through_pools_within_pools(monkeypatch, shrink, few):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 5)).astype(np.float32)
    x[300:] *= rng.uniform(0.1, 4, size=(300, 1))  # crowded and empty regions
    straight = farthest_first(x, 600, 0)  # 600 rows: one level of pools
    monkeypatch.setattr("curation.maths.selection.greedy._SHRINK", shrink)
    monkeypatch.setattr("curation.maths.selection.greedy._FEW", few)
    monkeypatch.setattr("curation.maths.selection.greedy._BLOCK_BYTES", 1000)
    assert farthest_first(x, 600, 0)[:500].tolist() == straight[:500].tolist()
    assert straight[:100].tolist() == plain_farthest_first(x, 100, 0)


def test_farthest_first_sees_the_gaps_inside_tight_groups_that_lie_far_apart():
    rng = np.random.default_rng(3)
    group = rng.integers(0, 30, 400)
    x = (100 + 10 * rng.normal(size=(30, 8))[group] + 1e-3 * rng.normal(size=(400, 8))).astype(np.float32)
    assert farthest_first(x, 100, 0).tolist() == plain_farthest_first(x, 100, 0)


def test_farthest_first_takes_every_row_once_even_when_all_are_copies():
    x = np.repeat(np.array([[0.0], [1.0]], np.float32), 400, axis=0)
    picks = farthest_first(x, 800, 5)
    assert sorted(picks.tolist()) == list(range(800))
    assert picks[1] >= 400, "the other point comes second"
    assert farthest_first(x, 1, 5).tolist() == [5]
