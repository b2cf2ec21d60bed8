"""The neighbours evidence against scikit-learn's brute force."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from curation.data.view import View
from curation.engine import registry
from curation.errors import UnavailableError
from curation.maths.similarity import exact
from curation.maths.similarity.exact import cosines, most_similar
from curation.methods.evidence.neighbours import gather, recall


def data(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(20, d))[rng.integers(20, size=n)] + rng.normal(size=(n, d))).astype(np.float32)


def holding_out(x, held):
    """A view of x whose last rows are held out."""
    pool = np.arange(len(x) - held)
    return View({"embeddings": lambda rows: x[rows], "pool": lambda rows: pool}, np.arange(len(x)), ())


def brute(x, k):
    """Without passing rows, scikit-learn leaves each row out of its own list by its number."""
    return NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(x).kneighbors()


def test_exact_neighbours_are_those_of_scikit_learn():
    x = data(500, 16)
    distances, indices = brute(x, 12)
    graph, notes = gather(View.of(embeddings=x), rng=np.random.default_rng(0), k=12)
    assert np.array_equal(graph.indices, indices)
    np.testing.assert_allclose(graph.distances, distances, atol=1e-6)
    assert notes == {"search": "exact", "recall": 1.0}
    assert graph.indices.dtype == np.int32
    assert graph.distances.dtype == np.float32


class HalfBlind:
    """Stands in for the approximate search: brute force that counts a row as its own neighbour and misses the third."""

    def __init__(self, x, n_neighbors, metric, random_state):
        assert metric == "euclidean"
        indices = NearestNeighbors(n_neighbors=n_neighbors + 1, algorithm="brute").fit(x).kneighbors(x)[1]
        self.neighbor_graph = np.delete(indices, 3, axis=1), None


def test_recall_is_measured_and_an_approximate_list_holds_no_item_itself(monkeypatch):
    import pynndescent

    monkeypatch.setattr(pynndescent, "NNDescent", HalfBlind)
    x = data(1500, 16)
    graph, notes = gather(View.of(embeddings=x), rng=np.random.default_rng(0), k=10, exact_up_to=100)
    distances, _ = brute(x, 11)
    assert (graph.indices != np.arange(len(x))[:, None]).all()
    np.testing.assert_allclose(graph.distances, np.delete(distances, 2, axis=1), atol=1e-6)
    assert notes["recall"] == pytest.approx(0.9, abs=1e-3)  # rows at the same distance count as found
    assert notes["recall_measured_on"] == 1000


@pytest.mark.slow
def test_the_approximate_search_finds_nearly_all_copies_included():
    x = data(3000, 16)
    x[-30:] = x[:30]
    x[100] = x[200] = 0
    graph, notes = gather(View.of(embeddings=x), rng=np.random.default_rng(0), k=10, exact_up_to=100)
    found = graph.distances <= brute(x, 10)[0][:, -1:] + 1e-6
    assert notes["recall"] > 0.95
    assert abs(notes["recall"] - found.mean()) < 0.02
    assert (graph.indices != np.arange(len(x))[:, None]).all()
    assert (graph.distances[:30, 0] < 1e-6).mean() > 0.9


def test_recall_counts_what_is_there():
    x = data(50, 4)
    exact, _ = gather(View.of(embeddings=x), rng=np.random.default_rng(0), k=4)
    half = type(exact)(exact.indices.copy(), exact.distances.copy())
    half.distances[:, 2:] = np.inf
    rows = np.arange(50)
    assert recall(exact, exact, rows) == 1.0
    assert recall(half, exact, rows) == 0.5


def test_one_vector_is_compared_with_all_rows_or_some_as_the_whole_comparison_does():
    rng = np.random.default_rng(0)
    x, query = rng.normal(size=(2000, 8)).astype(np.float16), rng.normal(size=8)
    x[7] = 0
    whole = x.astype(np.float64)
    lengths = np.maximum(np.linalg.norm(whole, axis=1), 1e-9)
    expected = whole @ query / lengths / np.linalg.norm(query)
    np.testing.assert_allclose(cosines(x, query), expected, atol=1e-6)
    some = np.sort(rng.choice(2000, 150, replace=False))
    positions, alike = most_similar(x, query, some, 10)
    assert positions.tolist() == some[np.argsort(-expected[some])[:10]].tolist()
    np.testing.assert_allclose(alike, expected[positions], atol=1e-6)
    assert len(most_similar(x, query, some[:3], 10)[0]) == 3
    assert len(most_similar(x, query, some[:0], 10)[0]) == 0


def test_a_comparison_in_blocks_is_the_same_as_in_one(monkeypatch):
    x = data(500, 16)
    whole = cosines(x, x[3]), most_similar(x, x[3], np.arange(100, 400), 5)
    monkeypatch.setattr(exact, "_BLOCK", 16 * 70)
    parts = cosines(x, x[3]), most_similar(x, x[3], np.arange(100, 400), 5)
    assert np.allclose(whole[0], parts[0], atol=1e-6)
    assert whole[1][0].tolist() == parts[1][0].tolist()


@pytest.mark.parametrize("held", [0, 300])
def test_parts_give_the_same_bits_as_one_comparison_of_every_pair(monkeypatch, held):
    x, given = data(5200, 8), {"rng": np.random.default_rng(0), "k": 5}
    view = holding_out(x, held)
    monkeypatch.setattr(exact, "_BLOCK", 1 << 20)
    cut, _ = gather(view, **given)
    monkeypatch.setattr(exact, "_PART", len(x))
    whole, _ = gather(view, **given)
    for parts, once in ((cut, whole), (cut.pool, whole.pool)):
        if once is not None:
            assert np.array_equal(parts.indices, once.indices)
            assert np.array_equal(parts.distances, once.distances)


def test_an_inverted_file_finds_most_neighbours_and_says_how_many():
    x = data(3000, 16)
    view = holding_out(x, 100)
    graph, notes = gather(view, rng=np.random.default_rng(0), k=10, exact_up_to=0, search="inverted_file")
    found = np.mean([np.isin(own, true).mean() for own, true in zip(graph.indices, brute(x, 10)[1], strict=True)])
    assert notes["search"] == "faiss"
    assert notes["recall"] <= found + 0.03
    assert found > 0.8
    assert not (graph.indices == np.arange(len(x))[:, None]).any()
    assert graph.pool.indices.max() < 2900
    some = np.arange(0, 3000, 100)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = np.einsum("id,ikd->ik", unit[some], unit[graph.indices[some]])
    np.testing.assert_allclose(graph.distances[some], 1 - cosine, atol=1e-5)


def test_a_search_that_was_added_later_changes_no_key_where_it_is_not_asked_for():
    method = registry.get("evidence", "neighbours")
    assert "search" not in method.in_key(method.validated({}, "here"))
    assert method.in_key(method.validated({"search": "inverted_file"}, "here"))["search"] == "inverted_file"


def test_an_inverted_file_without_its_package_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr("curation.packages.missing", lambda names: ["faiss-cpu"] * ("faiss" in names))
    method = registry.get("evidence", "neighbours")
    with pytest.raises(UnavailableError, match=r'^neighbours with search = "inverted_file" needs .*faiss-cpu'):
        method.check(method.validated({"search": "inverted_file"}, "here"))
    method.check(method.validated({}, "here"))
