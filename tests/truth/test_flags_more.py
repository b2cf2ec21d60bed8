"""SimiFeat, AUM with threshold samples, leaky splits and image quality, against planted truth and plain loops."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from curation.data.items import make_items
from curation.data.view import Images, View
from curation.errors import InputError
from curation.maths.label_noise import transitions
from curation.maths.similarity.exact import nearest_other
from curation.methods.flags import aum_threshold, image_quality, leaky_split, simifeat
from curation.methods.students import head
from curation.training.student import Predictor
from tests import toy

# -- how labels are mistaken for each other --------------------------------------------------------------------

PLANTED = np.array([[0.8, 0.15, 0.05], [0.0, 0.9, 0.1], [0.3, 0.1, 0.6]])
COMMON = np.array([0.5, 0.3, 0.2])


def drawn(n: int, t=PLANTED, p=COMMON, seed=0) -> np.ndarray:
    """Triples of labels given by independent annotators to n items of a hidden class each."""
    rng = np.random.default_rng(seed)
    true = rng.choice(len(p), size=n, p=p)
    return (rng.random((n, 3, 1)) > np.cumsum(t, axis=1)[true][:, None]).sum(axis=2)


def test_planted_transitions_are_recovered_from_labels_alone():
    t, p = transitions.estimate(transitions.consensus(drawn(100_000), 3), np.random.default_rng(0))
    np.testing.assert_allclose(t, PLANTED, atol=0.03)
    np.testing.assert_allclose(p, COMMON, atol=0.03)


def test_the_mismatch_is_the_sum_of_three_frobenius_norms_of_full_arrays():
    import torch

    rng = np.random.default_rng(1)
    triples, (t, p) = drawn(40), (rng.dirichlet(np.ones(3), 3), rng.dirichlet(np.ones(3)))
    first, second, third = np.zeros(3), np.zeros((3, 3)), np.zeros((3, 3, 3))
    for triple in triples.tolist():
        for i, j, k in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]:
            a, b, c = triple[i], triple[j], triple[k]
            first[a] += 1 / 240
            second[a, b] += 1 / 240
            third[a, b, c] += 1 / 240
    expected = (
        np.linalg.norm(first - np.einsum("c,ci->i", p, t))
        + np.linalg.norm(second - np.einsum("c,ci,cj->ij", p, t, t))
        + np.linalg.norm(third - np.einsum("c,ci,cj,ck->ijk", p, t, t, t))
    )
    given = transitions._tensors(transitions.consensus(triples, 3))
    assert float(transitions.mismatch(torch.tensor(t), torch.tensor(p), given)) == pytest.approx(expected, rel=1e-9)


def test_with_many_classes_the_most_common_triples_are_enough(monkeypatch):
    """A hundred classes: 1 in 5 labels of each goes to the next class."""
    classes = 100
    t = 0.8 * np.eye(classes) + 0.2 * np.roll(np.eye(classes), 1, axis=1)
    triples = drawn(30_000, t, np.full(classes, 1 / classes))
    monkeypatch.setattr(transitions, "_NUMBERS", 250 * classes)
    seen = transitions.consensus(triples, classes)
    assert not seen.complete
    assert len(seen.triples) == 250
    found, _ = transitions.estimate(seen, np.random.default_rng(0))
    assert np.diag(found).mean() == pytest.approx(0.8, abs=0.06)


# -- SimiFeat --------------------------------------------------------------------------------------------------


def clouds(n=900, noise=0.25, seed=0):
    """Three clouds far apart; a share of the labels of class 0 and 1 go to the next class."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3
    x = 4.0 * np.eye(3, 8)[truth] + 0.5 * rng.normal(size=(n, 8))
    wrong = (rng.random(n) < noise) & (truth < 2)
    return x, truth, np.where(wrong, truth + 1, truth), wrong


def simifeat_by_hand(indices, distances, labels, classes, k):
    """One round with all voters: (vote says noisy, -log of the label's part of the votes)."""
    noisy, rank = [], []
    for i, y in enumerate(labels):
        votes = [0.0] * classes
        for j, d in zip(indices[i][: k - 1], distances[i][: k - 1], strict=True):
            votes[labels[j]] += 1 - float(d)
        votes[y] += 1 - (2 * float(distances[i][0]) - float(distances[i][1]))
        length = math.sqrt(sum(v * v for v in votes))
        noisy.append(votes.index(max(votes)) != y)
        rank.append(-math.log(votes[y] / length + 1e-8))
    return np.array(noisy), np.array(rank)


def test_the_vote_over_all_voters_is_the_published_one():
    x, _, labels, _ = clouds(300, 0.4)
    graph = toy.neighbours(x, 12)
    made = simifeat.flag(
        View.of(neighbours=graph, labels=labels, groups=np.arange(300)),
        rng=np.random.default_rng(0),
        method="vote",
        rounds=1,
        share=1.0,
        k=10,
    )
    noisy, rank = simifeat_by_hand(graph.indices, graph.distances, labels, 3, 10)
    assert 20 < noisy.sum() < 150
    assert np.array_equal(made.flagged, noisy)
    np.testing.assert_allclose(-np.log(1 - made.score + 1e-8), rank, atol=1e-5)


@pytest.mark.parametrize("method", ["rank", "vote"])
def test_planted_mistakes_between_clouds_are_found_with_the_right_label(method):
    x, truth, labels, wrong = clouds()
    view = View.of(neighbours=toy.neighbours(x, 20), labels=labels, groups=np.arange(len(x)))
    made = simifeat.flag(view, rng=np.random.default_rng(0), method=method)
    hit = made.flagged & wrong
    assert hit.sum() / wrong.sum() > 0.9
    assert hit.sum() / made.flagged.sum() > 0.9
    assert (made.suggested[hit] == truth[hit]).mean() > 0.95


def test_rank_flags_the_planted_share_of_each_class_and_leaves_a_clean_one_alone():
    x, _, labels, wrong = clouds(3000, 0.3)
    view = View.of(neighbours=toy.neighbours(x, 20), labels=labels, groups=np.arange(len(x)))
    made = simifeat.flag(view, rng=np.random.default_rng(0))
    for c in range(3):
        own = labels == c
        assert made.flagged[own].mean() == pytest.approx(wrong[own].mean(), abs=0.03)


def test_items_without_voters_are_not_judged():
    graph = toy.neighbours(np.zeros((30, 4)), 12)
    labels = np.arange(30) % 3  # every embedding is zero: nothing is similar to anything
    made = simifeat.flag(View.of(neighbours=graph, labels=labels, groups=np.arange(30)), rng=np.random.default_rng(0))
    assert not made.flagged.any()
    assert (made.score == 0).all()


def test_simifeat_asks_for_as_many_neighbours_as_it_needs():
    view = View.of(neighbours=toy.neighbours(np.eye(9), 5), labels=np.arange(9) % 2, groups=np.arange(9))
    with pytest.raises(InputError, match="more neighbours than the 5"):
        simifeat.flag(view, rng=np.random.default_rng(0), k=10)


# -- AUM with threshold samples --------------------------------------------------------------------------------


class Scripted:
    """A student that gives every item the logits it is told to, and remembers what it was trained on."""

    def __init__(self, logits: np.ndarray):
        self.logits, self.views = logits, []

    def train(self, view: View, *, seed: int, record, **_):
        self.views.append(view)
        for epoch in self.logits:
            record.batch(np.arange(len(view)), epoch)
            record.epoch(lambda: None)
        return Predictor(lambda v: self.logits[-1], lambda v: self.logits[-1], 0)


def test_the_threshold_is_what_the_best_of_the_threshold_items_reach():
    rng = np.random.default_rng(0)
    m, classes, epochs = 60, 3, 4
    student = Scripted(rng.normal(size=(epochs, m, classes + 1)).astype(np.float16))
    labels = rng.integers(classes, size=m)
    view = View.of(labels=labels, classes="abc", students={"head": student.train})
    made = aum_threshold.flag(view, rng=np.random.default_rng(0))

    blocks = [np.flatnonzero(seen.labels == classes) for seen in student.views]
    assert [len(block) for block in blocks] == [m // classes] * 2
    assert not set(blocks[0]) & set(blocks[1])
    flagged = np.ones(m, bool)
    for seen, block in zip(student.views, blocks, strict=True):
        assert len(seen.classes) == classes + 1
        untouched = np.setdiff1d(np.arange(m), block)
        assert np.array_equal(seen.labels[untouched], labels[untouched])
        aum = []
        for i, y in enumerate(seen.labels):
            leads = [float(z[i][y]) - max(float(v) for c, v in enumerate(z[i]) if c != y) for z in student.logits[1:]]
            aum.append(np.mean(leads))
        limit = np.percentile(np.array(aum)[block], 99)
        flagged[untouched] &= np.array(aum)[untouched] < limit
    assert np.array_equal(made.flagged, flagged)
    assert np.array_equal(made.flagged, made.score > 0.5)
    assert 0 < flagged.sum() < m
    assert np.array_equal(view.labels, labels)  # the caller's view is as it was


def test_planted_mistakes_among_ten_classes_stay_below_the_threshold():
    rng = np.random.default_rng(0)
    truth = np.arange(1000) % 10
    wrong = rng.random(1000) < 0.2
    labels = np.where(wrong, (truth + rng.integers(1, 10, size=1000)) % 10, truth)
    x = (4.0 * np.eye(10, 16)[truth] + 0.5 * rng.normal(size=(1000, 16))).astype(np.float32)
    view = View.of(embeddings=x, labels=labels, students={"head": partial(head.train, device="cpu")})
    made = aum_threshold.flag(view, rng=np.random.default_rng(0), epochs=20)
    hit = made.flagged & wrong
    assert hit.sum() / wrong.sum() > 0.95
    assert hit.sum() / made.flagged.sum() > 0.95
    assert np.array_equal(made.suggested[hit], truth[hit])


def test_aum_threshold_needs_an_item_per_class_and_two_classes():
    for labels, classes in ((np.zeros(9, int), "a"), (np.array([0, 1]), "abcd")):
        with pytest.raises(InputError, match="at least two classes and an item for each"):
            aum_threshold.flag(View.of(labels=labels, classes=classes, students={}), rng=np.random.default_rng(0))


# -- leaky splits ----------------------------------------------------------------------------------------------


def split_view(x, copies, train, groups=None) -> View:
    groups = copies if groups is None else groups
    given = {
        "copies": lambda rows: copies[rows],
        "embeddings": lambda rows: x[rows],
        "groups": lambda rows: groups[rows],
        "train": lambda rows: np.flatnonzero(np.isin(rows, train)),
    }
    return View(given, np.arange(len(x)))


def test_the_closest_row_is_the_one_a_full_table_of_distances_says():
    rng = np.random.default_rng(0)
    x, others, a, b = rng.normal(size=(23, 5)), rng.normal(size=(40, 5)), np.arange(23) % 7, np.arange(40) % 5
    others[11] = others[3]  # of equal ones the lower
    x[0] = 2 * others[3]
    for apart in (None, (a, b)):
        distance = np.array([[1 - p @ q / np.linalg.norm(p) / np.linalg.norm(q) for q in others] for p in x])
        if apart:
            distance[a[:, None] == b] = np.inf
        index, found = nearest_other(x, others, apart=apart)
        assert index.tolist() == distance.argmin(axis=1).tolist()
        np.testing.assert_allclose(found, distance.min(axis=1), atol=1e-6)


def test_planted_leaks_are_found_and_point_into_train():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 32)).astype(np.float32)
    groups, train = np.arange(400), np.arange(100, 400)
    x[:10] = x[200:210] + 0.01 * rng.normal(size=(10, 32))  # near copies of train items
    x[10:13], groups[10:13] = x[20:23], groups[20:23]  # copies within the test split are no leak
    groups[13] = 300  # the same file, though the encoder was shown it differently
    made = leaky_split.flag(split_view(x, groups, train))
    assert made.flagged.nonzero()[0].tolist() == [*range(10), 13]
    assert made.duplicate_of[:10].tolist() == list(range(200, 210))
    assert made.duplicate_of[13] == 300
    assert (made.score[made.flagged] == 1).all()
    assert (made.score[train] == 0).all()
    exact = leaky_split.flag(split_view(x, groups, train), within=0)
    assert exact.flagged.nonzero()[0].tolist() == [13]


def test_a_group_that_is_in_train_as_well_leaks_and_is_no_copy():
    x = np.random.default_rng(2).normal(size=(60, 16)).astype(np.float32)
    patients = np.arange(60) // 3  # 0, 1, 2 are the first patient's
    made = leaky_split.flag(split_view(x, np.arange(60), np.arange(1, 57), patients))
    assert made.flagged.nonzero()[0].tolist() == [0]  # the last patient is wholly outside
    assert made.score[0] == 1
    assert made.duplicate_of[0] == -1


def test_a_test_split_made_of_leaks_alone_does_not_hide_them():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 16)).astype(np.float32)
    x[:100] = x[100:] + 0.01 * rng.normal(size=(100, 16))
    assert leaky_split.flag(split_view(x, np.arange(200), np.arange(100, 200))).flagged[:100].all()


def test_the_score_falls_with_the_distance_in_medians_of_what_is_usual_in_train():
    rng = np.random.default_rng(2)
    x, train = rng.normal(size=(60, 4)), np.arange(20, 60)
    ball = x / np.linalg.norm(x, axis=1, keepdims=True)
    distance = 1 - ball @ ball.T
    np.fill_diagonal(distance, np.inf)
    usual = np.median(distance[20:, 20:].min(axis=1))
    made = leaky_split.flag(split_view(x, np.arange(60), train))
    clean = np.flatnonzero(~made.flagged[:20])
    expected = np.exp(-distance[clean][:, train].min(axis=1) / usual)
    np.testing.assert_allclose(made.score[clean], expected, atol=1e-5)


def test_data_without_a_test_split_has_no_leaks():
    x = np.ones((5, 3))
    for train in (np.arange(5), np.arange(0)):
        made = leaky_split.flag(split_view(x, np.zeros(5, int), train))
        assert not made.flagged.any()


# -- image quality ---------------------------------------------------------------------------------------------


def photo() -> Image.Image:
    """Clear shapes on a varied ground, 160 x 120."""
    rng = np.random.default_rng(0)
    array = np.full((120, 160, 3), 90, np.uint8)
    for _ in range(60):
        y, x = rng.integers(0, 110), rng.integers(0, 150)
        array[y : y + 12, x : x + 16] = rng.integers(0, 256, 3)
    return Image.fromarray(array)


def view_of(folder, **pictures: Image.Image) -> View:
    paths = [f"{name}.png" for name in pictures]
    for path, image in zip(paths, pictures.values(), strict=True):
        image.save(folder / path)
    n = len(paths)
    items = make_items(ids=paths, labels=["x"] * n, splits=["train"] * n, paths=paths, root=folder)
    return View.of(images=Images(items, np.arange(n)))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    sharp = photo()
    pictures = {
        **{f"fine{i}": sharp.rotate(i, expand=False) for i in range(7)},
        "dark": sharp.point(lambda v: v // 6),
        "bright": sharp.point(lambda v: 245 + v // 26),
        "blurred": sharp.filter(ImageFilter.GaussianBlur(5)),
        "blank": Image.new("RGB", (160, 120), (120, 120, 120)),
        "size": sharp.resize((12, 9)),
        "shape": sharp.resize((240, 45)),
    }
    return view_of(tmp_path_factory.mktemp("pictures"), **pictures), list(pictures)


@pytest.mark.parametrize("check", image_quality.CHECKS)
def test_each_check_finds_its_own_picture(gallery, check):
    view, names = gallery
    made = image_quality.flag(view, check=check)
    assert names[int(made.score.argmax())] == check
    assert {names[i] for i in np.flatnonzero(made.flagged)} == {check}


def test_scores_and_limits_are_those_of_cleanvisions_own_run(gallery):
    from cleanvision import Imagelab

    view, names = gallery
    theirs = {"dark": "dark", "bright": "light", "blank": "low_information",
              "shape": "odd_aspect_ratio"}  # fmt: skip
    lab = Imagelab(data_path=str(view.images.items.root))
    lab.find_issues({issue: {} for issue in theirs.values()}, n_jobs=1, verbose=False)
    table = lab.issues.rename(index=lambda path: Path(path).stem).loc[names]
    limits = {issue: lab._issue_managers["image_property"].params[issue]["threshold"] for issue in theirs.values()}
    for check, issue in theirs.items():
        made, low = image_quality.flag(view, check=check), table[f"{issue}_score"].to_numpy()
        assert made.flagged.tolist() == table[f"is_{issue}_issue"].tolist()
        expected = limits[issue] / np.maximum(low, 1e-6 * limits[issue])
        np.testing.assert_allclose(made.score, expected / (1 + expected), rtol=1e-9)


def test_all_checks_together_are_the_worst_of_them(gallery):
    view, names = gallery
    alone = np.max([image_quality.flag(view, check=check).score for check in image_quality.CHECKS], axis=0)
    made = image_quality.flag(view)
    assert np.array_equal(made.score, alone)
    assert {names[i] for i in np.flatnonzero(made.flagged)} == set(image_quality.CHECKS)


def test_the_score_passes_a_half_at_the_limit(gallery):
    view, names = gallery
    row = names.index("shape")
    scores = [image_quality.flag(view, check="shape", shape=limit) for limit in (0.19, 45 / 240, 0.18)]
    assert [bool(made.flagged[row]) for made in scores] == [True, False, False]
    assert scores[1].score[row] == 0.5


def test_limits_at_their_ends_switch_checks_off(gallery):
    off = {"dark": 0, "bright": 0, "blurred": 1, "blank": 0, "size": 1e6, "shape": 0}
    assert not image_quality.flag(gallery[0], **off).flagged.any()


def test_sizes_are_compared_with_the_median_size(gallery):
    view = gallery[0]
    made = image_quality.flag(view, check="size", size=10)
    sides = np.array([math.sqrt(image.width * image.height) for image in view.images])
    times = np.maximum(sides / np.median(sides), np.median(sides) / sides) / 10
    np.testing.assert_allclose(made.score, times / (1 + times), rtol=1e-9)


def test_the_blur_effect_is_the_published_one_pixel_by_pixel():
    grey = np.random.default_rng(1).random((14, 17))
    results = []
    for picture in (grey, grey.T):  # along rows, then along columns
        before = after = 0.0
        for line in picture.tolist():
            padded = [line[0]] * 4 + line + [line[-1]] * 4
            again = [sum(padded[j : j + 9]) / 9 for j in range(len(line))]
            for j in range(1, len(line)):
                step, left = abs(line[j] - line[j - 1]), abs(again[j] - again[j - 1])
                before += step
                after += max(0.0, step - left)
        results.append((before - after) / before)
    assert image_quality.blur_effect(grey) == pytest.approx(max(results), abs=1e-6)


def test_a_sharp_picture_is_not_called_blurred_for_being_large(tmp_path):
    rng = np.random.default_rng(0)
    texture = Image.fromarray(rng.integers(0, 256, size=(90, 120), dtype=np.uint8)).resize((600, 450), 0)
    large = texture.resize((2400, 1800), Image.Resampling.BICUBIC)  # edges ten pixels wide, as of a phone's camera
    made = image_quality.flag(view_of(tmp_path, small=texture, large=large), check="blurred")
    assert not made.flagged.any()
