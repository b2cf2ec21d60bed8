"""Students with few steps, the tiny data they learn, and a file of networks of a person's own."""

from __future__ import annotations

import numpy as np
import pytest

from curation.data.view import View
from curation.methods.students import cnn, head, module, module_embeddings, resnet18


class Spy:
    """A record that keeps everything it is told."""

    def __init__(self):
        self.epochs, self.clean, self._seen = [], [], []

    def batch(self, positions, logits):
        self._seen += list(zip(positions.tolist(), logits, strict=True))

    def epoch(self, predict, weights=None):
        self.epochs.append(self._seen)
        self.clean.append(predict())
        self._seen = []


def blobs(m: int = 40) -> View:
    """Three separate clouds in the plane, one per class."""
    rng = np.random.default_rng(0)
    labels = np.arange(m) % 3
    centres = np.array([[0, 0], [6, 0], [0, 6]])
    x = (centres[labels] + rng.normal(size=(m, 2))).astype(np.float32)
    return View.of(embeddings=x, labels=labels)


def stripes(m: int = 32, side: int = 8) -> View:
    """Noisy small images: class 0 has a bright row, class 1 a bright column."""
    rng = np.random.default_rng(0)
    labels = np.arange(m) % 2
    pixels = rng.integers(0, 60, size=(m, side, side, 3), dtype=np.uint8)
    for i, label in enumerate(labels):
        at = rng.integers(2, side - 2)
        pixels[i][(slice(None), at) if label else at] = 255
    return View.of(pixels=pixels, labels=labels)


OWN = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Dropout(0.1))
        self.last = nn.Linear(32, classes)
        self.layers(torch.zeros(1, 3, 8, 8))

    def forward(self, x):
        assert x.is_contiguous()
        return self.last(self.layers(x).view(len(x), -1))

def flat(classes):
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, classes))

def sums_up(classes):
    return nn.Sequential(nn.Linear(2, classes), nn.Flatten(0))

class Loud(nn.Linear):
    def __init__(self, classes):
        super().__init__(2, classes)

    def forward(self, x):
        raise ValueError("the tea is cold")

class InPlace(nn.Linear):
    def __init__(self, classes):
        super().__init__(2, classes)

    def forward(self, x):
        z = super().forward(x).exp()
        z.mul_(2)  # the gradient of exp needs what was there before
        return z

def needs_more(classes, depth):
    return nn.Identity()

def no_network(classes):
    return [classes]

bare = 3
"""


def trained(student, **set_):
    """A student as in a recipe, with few steps."""
    return lambda view, **more: student.train(view, device="cpu", **{"seed": 0, **set_, **more})


SMALL = {
    "head": trained(head),
    "hidden": trained(head, hidden=8),
    "cnn": trained(cnn, width=4, batch=16, steps=60),
    "resnet18": trained(resnet18, batch=32, steps=3),
    "module": trained(module, path="winnow_own_nets:Small", batch=16, steps=100, lr=0.02),
    "module_embeddings": trained(module_embeddings, path="winnow_own_nets:flat", batch=16, steps=100, lr=0.02),
}
ON_PIXELS = ("cnn", "resnet18", "module")  # ResNet-50 differs in its depth alone, and takes its time
DATA = {name: stripes if name in ON_PIXELS else blobs for name in SMALL}
students = pytest.mark.parametrize("name", SMALL)


def accuracy(student, view: View) -> float:
    return float((student.logits(view).argmax(axis=1) == view.labels).mean())
