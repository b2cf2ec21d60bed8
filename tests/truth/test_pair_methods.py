"""Scores, flags and the selector of image-text pairs against numbers by hand and independent implementations."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from curation.data.results import Neighbours
from curation.data.view import View
from curation.errors import InputError
from curation.maths.selection.quota_order import quota_order
from curation.maths.subset_ridge import learn
from curation.methods.flags import boilerplate, caption_conflict, caption_swap
from curation.methods.pruners import instructiongpt4
from curation.methods.scores import clip_score, column, reward
from tests import toy, toy_lm

# Sizes of the ten spectral clusters InstructionGPT-4 released, and what it took of each for 200.
SIZES = np.array([1234, 300, 286, 325, 85, 59, 13, 177, 80, 880])
PUBLISHED = np.array([73, 17, 16, 19, 5, 3, 1, 10, 4, 52])


def spaces(n: int = 60, d: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(n, d)), rng.normal(size=(n, d))


def test_clip_score_is_one_minus_the_cosine_of_each_pair():
    image, caption = spaces()
    made = clip_score.score(View.of(embeddings=image, text_embeddings=caption))
    np.testing.assert_allclose(made, 1 - np.diag(cosine_similarity(image, caption)), atol=1e-6)


def test_caption_swap_counts_the_captions_of_like_images_that_fit_better():
    image, caption = spaces()
    graph = toy.neighbours(image, 7)
    made = caption_swap.flag(View.of(embeddings=image, text_embeddings=caption, neighbours=graph), k=7, better=0.4)
    fit = cosine_similarity(image, caption)
    better = np.array([(fit[i, graph.indices[i]] > fit[i, i]).sum() for i in range(len(image))])
    assert np.array_equal(made.flagged, better / 7 > 0.4)
    assert np.array_equal(np.floor(made.score * 8 + 1e-9), better), "ties are broken by less than one caption"


def test_equal_captions_are_no_better_than_ones_own():
    image = np.eye(3)[[0, 0, 0]]
    caption = np.array([[1.0, 1.0, 0.0]] * 3)
    graph = Neighbours(np.array([[1, 2], [0, 2], [0, 1]]), np.zeros((3, 2)))
    assert not caption_swap.flag(View.of(embeddings=image, text_embeddings=caption, neighbours=graph)).score.any()


def test_a_caption_is_boilerplate_from_eleven_different_pairs_on():
    texts = ["Stock  Photo"] * 6 + ["stock photo"] * 5 + ["a dog"] * 10 + ["twice"] * 12
    copies = np.r_[np.arange(21), np.full(12, 21)]  # the last twelve are one pair twelve times
    made = boilerplate.flag(View.of(texts=texts, copies=copies))
    assert made.flagged.tolist() == [True] * 11 + [False] * 22
    np.testing.assert_allclose(made.score[[0, 11, 21]], [1 - 1 / 11, 0.9, 0.0])


def test_captions_of_one_picture_conflict_by_the_words_they_do_not_share():
    graph = Neighbours(np.array([[1, 2], [0, 2], [0, 1]]), np.array([[0.0, 0.5], [0.0, 0.5], [0.5, 0.5]]))
    made = caption_conflict.flag(View.of(texts=["a red car", "a blue car", "a tree"], neighbours=graph))
    np.testing.assert_allclose(made.score, [0.5, 0.5, 0.0])  # two of four words are shared
    assert made.flagged.tolist() == [True, True, False]


def test_places_are_those_the_paper_gave_to_its_clusters_but_for_fractions():
    label = np.repeat(np.arange(10), SIZES)
    place = np.random.default_rng(0).permutation(len(label))
    order = quota_order(label, place)
    taken = np.bincount(label[order[:200]], minlength=10)
    assert np.abs(taken - PUBLISHED).max() <= 1
    assert np.abs(taken - 200 * SIZES / SIZES.sum()).max() < 1
    for cluster in range(10):  # and of each cluster the best
        own = order[:200][label[order[:200]] == cluster]
        assert set(place[own]) == set(np.sort(place[label == cluster])[: len(own)])


def test_the_selector_adds_weighed_deviations_cut_at_three():
    rng = np.random.default_rng(1)
    scores = {"clip_score": rng.normal(size=50), "length": rng.normal(size=50), "reward": rng.normal(size=50)}
    scores["length"][0] = 100.0
    view = View.of(ids=np.arange(50).astype(str), embeddings=np.ones((50, 3)), text_embeddings=np.ones((50, 3)),
                   scores=scores)  # fmt: skip
    made = instructiongpt4.select(view, 50, rng=rng, reward="reward", length_weight=2.0, reward_weight=-1.0, clusters=1)
    z = {name: np.clip((s - s.mean()) / s.std(), -3, 3) for name, s in scores.items()}
    assert np.array_equal(made.rows, np.argsort(-(-z["clip_score"] + 2 * z["length"] + z["reward"])))
    assert z["length"][0] == 3


def test_learned_weights_and_their_error_are_those_of_scikit_learn():
    rng = np.random.default_rng(5)
    means = rng.normal(size=(30, 4)) * [1, 5, 0.1, 2] + 3
    metric = 2 * means[:, 0] + rng.normal(size=30)
    made = learn(means, metric, 10.0)
    model = make_pipeline(StandardScaler(), Ridge(10.0))
    left_out = cross_val_predict(model, means, metric, cv=LeaveOneOut())
    assert made.error == pytest.approx(np.sqrt(np.mean((left_out - metric) ** 2)))
    model.fit(means, metric)
    np.testing.assert_allclose(made.weights, model[1].coef_ / model[0].scale_)
    assert made.constant == pytest.approx(metric.std() * 30 / 29)


@pytest.mark.parametrize("useful", [True, False])
def test_weights_learned_from_subsets_are_spoken_of_and_a_constant_stands_beside(useful, tmp_path):
    rng = np.random.default_rng(3)
    scores = {"clip_score": rng.normal(size=300), "length": rng.normal(size=300)}
    subset = np.repeat(np.arange(30), 10)
    metric = {s: -scores["clip_score"][subset == s].mean() if useful else rng.normal() for s in range(30)}
    rows = [{"id": f"p{i}", "subset": f"s{s}", "metric": metric[s]} for i, s in enumerate(subset)]
    rows.append({"id": "elsewhere", "subset": "s0", "metric": metric[0]})
    (tmp_path / "subsets.jsonl").write_text("\n".join(map(json.dumps, rows)))
    x = rng.normal(size=(300, 4))
    view = View.of(ids=np.array([f"p{i}" for i in range(300)], object), embeddings=x, text_embeddings=x, scores=scores)
    made = instructiongpt4.select(view, 60, rng=rng, subsets=tmp_path / "subsets.jsonl", shrink=1.0, clusters=1)
    assert made.notes[0].startswith("1 members of subsets are not among")
    assert ("no better than a constant" in made.notes[1]) != useful
    if useful:
        assert scores["clip_score"][made.rows].mean() < -0.8


def test_subsets_that_cannot_be_learned_from_are_refused_in_words(tmp_path):
    path = tmp_path / "s.csv"
    view = View.of(ids=np.array(["a", "b"], object), embeddings=np.eye(2), text_embeddings=np.eye(2),
                   scores={"clip_score": np.zeros(2), "length": np.zeros(2)})  # fmt: skip
    for text, said in {
        "id,subset\na,s\n": "has no column 'metric'",
        "id,subset,metric\na,s,x\n": "no number as its metric",
        "id,subset,metric\na,s,1\nb,s,2\n": "a subset has one",
        "id,subset,metric\na,s,1\nb,t,2\n": "holds 2 subsets of these items; at least 5",
    }.items():
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            instructiongpt4.select(view, 1, rng=np.random.default_rng(0), subsets=path)


def test_reward_is_minus_what_the_model_says_of_the_text_behind_the_instruction(tmp_path):
    import torch
    from transformers import AutoModelForSequenceClassification

    folder = toy_lm.save_reward(tmp_path / "reward")
    texts = ["the cat sat.", "yes", "the dog ran on the mat. say hello."]
    made = reward.score(View.of(responses=texts), device="cpu", model=folder, instruction="say yes.", longest=64)
    net = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        alone = [net(torch.tensor([toy_lm.tokens_of("say yes.") + toy_lm.tokens_of(t)])).logits.item() for t in texts]
    np.testing.assert_allclose(made, [-value for value in alone], rtol=1e-4)


def test_a_folder_that_says_no_numbers_is_refused(tmp_path):
    folder = toy_lm.save(tmp_path / "lm")
    with pytest.raises(InputError, match="not taught to say numbers"):
        reward.score(View.of(responses=["yes"]), device="cpu", model=folder)
    with pytest.raises(InputError, match="says 1 numbers"):
        reward.score(View.of(responses=["yes"]), device="cpu", model=toy_lm.save_reward(tmp_path / "r"), output=3)


def test_a_column_needs_one_number_for_every_item(tmp_path):
    view, path = View.of(ids=np.array(["a", "b"], object)), tmp_path / "marks.csv"
    for text, said in {
        "id,mark\na,1\n": "says nothing of 1 of 2 items, the first is 'b'",
        "id,mark\na,1\nb,\n": "expected a number",
        "id,mark\na,1\nb,2\na,3\n": "a second number",
        "id,other\na,1\n": "has no column 'mark'",
    }.items():
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            column.score(view, path=path, column="mark")
    path.write_text("id,mark\nb,2\na,1\nc,9\n")
    assert column.score(view, path=path, column="mark").tolist() == [1.0, 2.0]
