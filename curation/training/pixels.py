"""Students that learn from small pixels: the loop with crops and flips, and their recorded network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from curation.data.view import View
from curation.errors import RunError
from curation.training import loop, nets, siamese
from curation.training.augment import crop_flip
from curation.training.checkpoints import Network
from curation.training.sampler import Sampler
from curation.training.student import Predictor, Record

Augment = Literal["none", "crop", "crop_flip"] | siamese.Augment

LEAST_STEPS = 1000  # updates a ResNet gets on a small set, whatever `epochs` says; CIFAR-10 has them after 10 epochs
LR_BATCH = 512  # images a step the learning rate of a ResNet is meant for
SMALL_SIDE = 64  # pixels up to which a ResNet keeps them all


def train(
    net,
    view: View,
    codes: np.ndarray,
    *,
    optimiser,
    device: str,
    epochs: int,
    batch: int,
    seed: int,
    augment: Augment,
    smoothing: float = 0.0,
    record: Record | None = None,
    progress: Callable | None = None,
    sampler: Sampler | None = None,
    watch: Callable[[Predictor], None] | None = None,
) -> Predictor:
    """The finished student. net: on the device already, takes uint8 [b, s, s, 3]. codes: int64 [m], the labels.

    The learning rate rises for a quarter of the training and falls to nothing.
    """
    passes = sampler.planned if sampler is not None else epochs * len(codes)
    student = loop.predictor(net, lambda other: load(other, device), passes)
    loop.fit(
        net,
        load(view, device),
        loop.targets(view, codes, device),
        optimiser=optimiser,
        epochs=epochs,
        batch=batch,
        seed=seed,
        schedule=loop.triangle,
        augment=augmentation(augment, view),
        smoothing=smoothing,
        weights=loop.item_weights(view, device),
        record=record,
        progress=progress,
        sampler=sampler,
        watch=watch and partial(watch, student),
    )
    return student


def train_resnet(
    depth: Literal[18, 50],
    view: View,
    *,
    stem: str,
    seed: int,
    device: str,
    epochs: int,
    steps: int,
    lr: float,
    batch: int,
    **fit,
) -> Predictor:
    """torchvision's ResNet trained from scratch; fit: what else `train` takes, from augment to watch."""
    import torch

    codes = loop.checked_labels(view)
    if len(codes) < 2:
        raise RunError("a ResNet uses the statistics of a batch, and there is only one image; keep at least two")
    net = _resnet(depth, view, stem, seed).to(device, memory_format=torch.channels_last)
    epochs = loop.epochs_for(len(codes), batch, epochs, LEAST_STEPS, steps)
    rate = lr * min(len(codes), batch) / LR_BATCH
    optimiser = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4, nesterov=True)
    return train(net, view, codes, optimiser=optimiser, device=device, epochs=epochs, batch=batch, seed=seed, **fit)


def resnet_network(depth: Literal[18, 50], view: View, weights: np.ndarray, kept: np.ndarray, stem: str) -> Network:
    return network(view, lambda device: _resnet(depth, view, stem, 0).to(device), weights, kept)


def network(view: View, build: Callable, weights: np.ndarray, kept: np.ndarray) -> Network:
    """A recorded run on the pixels of the view. build: device -> the network with whatever weights."""

    def some(positions: np.ndarray, device: str):
        return loop.tensor(np.ascontiguousarray(view.pixels[positions]), device)

    return Network(build, some, weights, kept, np.arange(len(view)))


def augmentation(name: Augment, view: View) -> Callable | None:
    if name.startswith("crop"):
        return lambda rows, generator: crop_flip(rows, generator, flip=name == "crop_flip")
    return siamese.for_students(name, grey=is_grey(view.pixels))


def is_grey(pixels: np.ndarray) -> bool:
    """Whether the three channels [m, s, s, 3] are one; up to 1,000 images spread over all are looked at."""
    some = pixels[:: max(1, len(pixels) // 1000)]
    return bool((some[..., :1] == some).all())


def _resnet(depth: Literal[18, 50], view: View, stem: str, seed: int):
    side = view.pixels.shape[1]
    chosen = {"auto": "small" if side <= SMALL_SIDE else "large"}.get(stem, stem)
    return nets.imagenet_resnet(depth, chosen, len(view.classes), seed)


def load(view: View, device: str):
    """uint8 [m, s, s, 3], all of them on the device."""
    return loop.tensor(np.ascontiguousarray(view.pixels), device)
