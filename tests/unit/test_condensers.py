"""Condensers against plain sums, and what only some of them promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from curation.data.results import Condensed
from curation.data.view import View
from curation.errors import InputError
from curation.methods.condensers import dm, embedding, mtt, pairs, prior_dm
from curation.training import nets, siamese, two_towers
from curation.training.autoencoder import Autoencoder
from curation.training.condensing import Watch
from curation.training.gradient_matching import distance
from curation.training.mosaic import folded, unfolded
from curation.training.real_images import RealImages
from curation.training.realism import realism

FOUND = load_digits()
PIXELS = np.repeat((FOUND.images * 255 / 16).round().astype(np.uint8)[..., None], 3, axis=3)
DIGITS = View.of(pixels=PIXELS[:600], embeddings=FOUND.data[:600].astype(np.float32), labels=FOUND.target[:600])


@pytest.mark.parametrize("side", [8, 9, 32])
def test_a_convolution_and_its_halving_are_one_convolution(side):
    one = nets.halving(3, 5)
    two = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.AvgPool2d(2))
    two[0].load_state_dict(one.state_dict())
    x = torch.randn(2, 3, side, side)
    torch.testing.assert_close(one(x), two(x), atol=1e-5, rtol=1e-5)


def test_the_published_convnet_has_the_papers_number_of_weights():
    assert sum(x.numel() for x in nets.convnet(32, 128, 0, 10, 0, published=True).parameters()) == 320_010


def test_equal_gradients_match_and_equal_numbers_change_images_alike():
    gradients = [torch.randn(4, 3, 3, 3), torch.randn(4)]
    assert float(distance(gradients, gradients)) == pytest.approx(0, abs=1e-3)
    images = torch.randn(1, 3, 8, 8).repeat(4, 1, 1, 1)
    for kind in siamese.kinds("dsa_flip", grey=False):
        made = siamese.apply(siamese.Change(kind, np.array([[0.3, 0.7, 0.2]])), images)
        torch.testing.assert_close(made, made[:1].expand_as(made))


def test_mosaics_of_constant_parts_come_apart_as_they_were():
    images = np.ones((4, 32, 32, 3), np.float32) * np.arange(4)[:, None, None, None]
    assert folded(images, 2).shape == (1, 32, 32, 3)
    np.testing.assert_allclose(unfolded(folded(images, 2), 2), images)


def test_means_of_features_come_together():
    made = dm.condense(DIGITS, 2, seed=0, device="cpu", iterations=60, width=8, augment="none", start="noise")
    assert made.history["loss"][-5:].mean() < 0.2 * made.history["loss"][:5].mean()


def test_the_prior_at_the_depth_of_the_pixels_is_dm():
    settings = {"seed": 1, "device": "cpu", "iterations": 4, "width": 4, "lr": 0.05}
    plain, behind = dm.condense(DIGITS, 1, **settings), prior_dm.condense(DIGITS, 1, depth="pixels", **settings)
    assert plain.values.tobytes() == behind.values.tobytes()


def test_the_autoencoder_learns_to_give_images_back_and_never_leaves_their_range():
    real = RealImages(DIGITS)
    images = real.batch(np.arange(100))
    off = []
    for steps in (1, 80):
        prior = Autoencoder(real, latent=32, width=8, steps=steps, seed=0)
        back = prior.decode(prior.encode(images, "latent"), "latent")
        assert (back >= real.low - 1e-5).all()
        assert (back <= real.high + 1e-5).all()
        off.append(float((back - images).square().mean()))
    assert off[1] < 0.6 * off[0]


def test_real_images_are_as_real_as_real_ones_and_noise_is_not():
    rows = np.arange(0, 600, 7)
    real = Condensed(PIXELS[rows].astype(np.float32), FOUND.target[rows], rows=rows)
    found = realism(real, DIGITS)
    assert found.ratio == pytest.approx(1, abs=0.1)
    assert found.residual_ratio == pytest.approx(1, abs=0.1)
    assert found.out_of_range < 0.03
    noise = np.random.default_rng(0).uniform(0, 255, real.values.shape).astype(np.float32)
    found = realism(Condensed(noise, real.labels), DIGITS)
    assert found.ratio > 1.2
    assert found.residual_ratio > 2
    assert found.out_of_range > 0.3
    with pytest.raises(InputError, match="this set holds embeddings"):
        realism(Condensed(np.zeros((1, 3), np.float32), np.array([0])), DIGITS)


def test_a_step_of_trajectory_matching_never_unrolls_more_than_it_was_told(monkeypatch):
    seen = []
    apply = siamese.apply
    monkeypatch.setattr(
        siamese, "apply", lambda change, x: (x.requires_grad and seen.append(len(x))) or apply(change, x)
    )
    mtt.condense(
        DIGITS, 3, seed=0, device="cpu", iterations=2, unroll=4, part=7, networks=1, epochs=1, stops=2, width=4
    )
    assert seen == [7] * 8


def test_centres_of_wrong_labels_are_called_by_what_they_are():
    x = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32) * 0.3
    truth = np.arange(400) % 2
    x[:, 0] += 4 * truth
    labels = np.where(np.arange(400) % 10 < 3, 1 - truth, truth)
    made = embedding.condense(View.of(embeddings=x, labels=labels), 8, seed=0)
    there = made.values[:, 0] > 2
    assert (made.labels != there).sum() >= 4
    np.testing.assert_array_equal(made.soft.argmax(axis=1), there)


# -- pairs ----------------------------------------------------------------------------------------------------


def test_equal_texts_are_no_negatives_of_each_other():
    images, texts = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[[0, 0, 1]]
    some = two_towers.pairs(images, texts)
    weights = two_towers.towers(3, 3, seed=0)
    logits = two_towers.similarity(weights, some.images, some.texts).double().numpy()
    total = 0.0
    for i in range(3):
        among = [j for j in range(3) if j == i or not (texts[i] == texts[j]).all()]
        total -= logits[i, i] - np.log(np.exp(logits[i, among]).sum())
        total -= logits[i, i] - np.log(np.exp(logits[among, i]).sum())
    assert float(two_towers.loss(weights, some)) == pytest.approx(total / 6, rel=1e-5)


def test_pairs_that_were_moved_follow_the_experts_better_and_teach_more():
    rng = np.random.default_rng(0)
    said = rng.normal(size=(40, 16)).astype(np.float32)
    caption = rng.integers(40, size=800)
    images = (said @ rng.normal(size=(16, 24)) + 0).astype(np.float32)[caption]
    images += rng.normal(size=images.shape).astype(np.float32)
    view = View.of(embeddings=images[:600], text_embeddings=said[caption[:600]])
    right = {}
    for method in ("medoids", "trajectory"):
        made = pairs.condense(view, 12, seed=0, method=method, iterations=60, networks=2, stops=3)
        weights = two_towers.fit(two_towers.pairs(made.values, made.texts), seed=0, steps=150)
        placed = [
            (torch.from_numpy(asked) - mean) / scale
            for asked, known in ((images[600:], made.values), (said, made.texts))
            for mean, scale in [nets.statistics(torch.from_numpy(known))]
        ]
        found = two_towers.similarity(weights, *placed).argmax(dim=1).numpy()
        right[method] = (found == caption[600:]).mean()
    assert right["trajectory"] > right["medoids"] + 0.05


def test_soft_pairs_hold_a_number_for_every_two_and_are_paid_for():
    view = View.of(embeddings=FOUND.data[:60], text_embeddings=np.eye(10)[FOUND.target[:60]])
    plain, soft = (pairs.condense(view, 10, seed=0, method="medoids", soft=soft) for soft in (False, True))
    assert soft.soft.shape == (10, 10)
    np.testing.assert_allclose(soft.soft.sum(axis=1), 1, atol=1e-5)
    assert plain.nbytes == 2 * 10 * (64 + 10) + 20
    assert soft.nbytes == 2 * 10 * (64 + 10) + 200
    with pytest.raises(InputError, match="61 pairs of 60"):
        pairs.condense(view, 61, seed=0)


def test_snapshots_are_thinned_and_the_first_and_the_last_stay(tmp_path):
    watch = Watch(tmp_path, every=0)
    for iteration in range(100):
        watch.show(iteration, lambda: np.zeros((1, 4, 4, 3), np.float32), now=True)
    kept = [iteration for iteration, _, _ in watch.snapshots()]
    assert len(kept) <= 25
    assert (kept[0], kept[-1]) == (0, 99)
