"""Students under a sampler: the house's loop hands the reins over, and nothing else changes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from curation import sampler
from curation.data.view import View
from curation.engine.registry import get
from curation.training import scheduled
from curation.training.scheduled_run import train_scheduled

DIGITS = load_digits()
X, Y = (DIGITS.data / 16).astype(np.float32), DIGITS.target.astype(np.int64)
TRAIN, TEST = np.arange(0, 600), np.arange(600, 900)
WRONG = np.arange(len(TRAIN)) % 5 == 0


def view(rows: np.ndarray, labels: np.ndarray = Y) -> View:
    pixels = np.repeat((X[rows] * 255).astype(np.uint8).reshape(-1, 8, 8, 1), 3, axis=3)
    return View.of(embeddings=X[rows], pixels=pixels, labels=labels[rows], classes=[str(c) for c in range(10)])


def student(name: str, **params):
    method = get("students", name)
    return partial(method.call, device="cpu", **method.validated(params, name))


def run(name: str, s, labels: np.ndarray = Y, seed: int = 0, **params):
    return train_scheduled(student(name, **params), view(TRAIN, labels), view(TEST), s, seed=seed, wrong=WRONG)


def test_a_student_learns_from_a_third_of_the_passes_and_is_watched():
    made = run("head", sampler("rs2", n=600, epochs=30, keep=0.3))
    assert made.accuracy > 0.85
    assert made.passes.tolist() == [180.0 * (epoch + 1) for epoch in range(30)]
    assert made.curve[-1] == made.accuracy > made.curve[0]
    assert made.accounting["train_passes"] == made.used.sum() == 5400
    assert made.passes_to(made.curve.max()) <= 5400 < made.passes_to(1.01)
    assert made.noise_taken == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("cnn", {"width": 4, "augment": "none"}),
        ("module_embeddings", {"path": "tests.unit.test_scheduled_training:net"}),
    ],
)
def test_every_student_that_goes_through_the_loop_takes_a_sampler(name, params):
    made = run(name, sampler("infobatch", n=600, epochs=2, keep=0.5), **params)
    assert made.accounting["train_passes"] == 600
    assert len(made.curve) == len(made.passes) >= 1


def net(classes: int):
    from torch import nn

    return nn.Linear(64, classes)


def test_the_same_seed_gives_the_same_student():
    first, again, other = (run("head", sampler("orderdp", n=600, epochs=6, seed=s), seed=s) for s in (1, 1, 2))
    assert first.curve.tolist() == again.curve.tolist() != other.curve.tolist()


def test_the_network_that_is_trained_is_the_one_that_goes_forward():
    """Forward passes see the losses of the moment: they fall from epoch to epoch."""
    seen, s = [], sampler("divbs", n=600, epochs=12, keep=0.5, features=X[TRAIN], labels=Y[TRAIN])
    update = s.rule.update

    def overheard(rows, losses, logits):
        seen.append((len(rows), losses.mean()))
        update(rows, losses, logits)

    s.rule.update = overheard
    made = run("head", s)
    whole = [loss for rows, loss in seen if rows == 600]
    assert len(whole) == len(made.curve)
    assert whole[0] == pytest.approx(np.log(10), abs=1e-3)
    assert whole[-1] < 0.7 < whole[0]
    assert made.accounting["eval_passes"] == 600 * len(whole)


def test_the_loss_of_a_batch_is_the_weighted_mean_and_the_sampler_is_told_the_plain_ones():
    s = sampler("infobatch", n=4, epochs=8, keep=1.0)
    told = np.array([0.1, 0.1, 9.0, 9.0], np.float32)
    list(s)
    s.update(np.arange(4), told)
    s.end_epoch()
    rows = torch.tensor(list(s))
    assert len(rows) == 3
    logits, labels = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.5, 0.5]], requires_grad=True), torch.tensor([0, 0, 1])
    by_hand = -torch.log_softmax(logits, dim=1)[torch.arange(3), labels]
    weights = torch.where(rows < 2, 2.0, 1.0)  # one easy item stands for two
    made = scheduled.loss(s, rows, logits, labels, smoothing=0.0)
    assert made.item() == pytest.approx((weights * by_hand).mean().item())
    assert s.rule.loss[rows] == pytest.approx(by_hand.detach().numpy())
    smooth = scheduled.loss(s, rows, logits, labels, smoothing=0.5)
    assert smooth.item() != pytest.approx(made.item())
    assert s.rule.loss[rows] == pytest.approx(by_hand.detach().numpy())


def test_without_wrong_labels_known_their_share_is_not_a_number():
    s = sampler("rs2", n=600, epochs=2)
    made = train_scheduled(student("head"), view(TRAIN), view(TEST), s, seed=0)
    assert np.isnan(made.noise).all()
    assert np.isnan(made.noise_taken)
