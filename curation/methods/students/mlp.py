"""MLP: two hidden layers on the raw pixels, without any idea of what is next to what.

The plainest of the networks condensed sets are tried on: a set that helps the network it was made with and not this
one holds what that network likes. SGD with Nesterov momentum, one cycle of the learning rate, differentiable
augmentation. Blind to shifts: the same shape elsewhere is another input.

Zhao, Mopuri & Bilen, Dataset Condensation with Gradient Matching, ICLR 2021 (the architectures compared).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.threads import one_torch_thread
from curation.training import loop, nets, pixels
from curation.training.checkpoints import Network
from curation.training.sampler import Sampler
from curation.training.siamese import Augment
from curation.training.student import Predictor, Record

CARD = Card(
    title="MLP on pixels",
    cost="epochs * m * hidden * s^2 time, m * s^2 memory",
    blind_to="shifts, and detail lost at the size of the pixels",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/2006.05929",
    tags=("network", "fast"),
    requires=("torch",),
    weights=True,
)

LEAST_STEPS = 300  # a set of 10 items gets this many updates, whatever `epochs` says


def train(
    view: View,
    *,
    seed: int,
    device: str,
    record: Record | None = None,
    progress=None,
    sampler: Sampler | None = None,
    watch=None,
    epochs: Annotated[
        int, Field(ge=1, le=10_000, description="Passes over the training images; sets of only a few batches get more.")
    ] = 10,
    steps: Annotated[
        int,
        Field(ge=0, le=10_000_000, description="Number of updates, the same for every subset; 0 uses epochs instead."),
    ] = 0,
    hidden: Annotated[int, Field(ge=4, le=8192, description="Units of each hidden layer.")] = 128,
    lr: Annotated[float, Field(gt=0, le=10, description="Peak learning rate.")] = 0.05,
    batch: Annotated[int, Field(ge=8, le=4096, description="Images per step.")] = 64,
    augment: Annotated[
        Augment,
        Field(description="Random changes of the images; auto turns left to right where there is colour only."),
    ] = "auto",
) -> Predictor:
    """A Predictor with C = len(view.classes) outputs, trained on exactly the rows of the view.

    >>> import numpy as np
    >>> x = np.zeros((16, 8, 8, 3), dtype=np.uint8)
    >>> x[8:] = 255
    >>> view = View.of(pixels=x, labels=np.repeat([0, 1], 8))
    >>> made = train(view, seed=0, device="cpu", hidden=8, augment="none")
    >>> made.logits(view).argmax(axis=1).tolist() == view.labels.tolist()
    True
    """
    import torch

    codes = loop.checked_labels(view)
    net = _network(view, hidden, seed).to(device)
    work = 3 * hidden * view.pixels.shape[1] ** 2 * batch  # multiplications per step, roughly
    with one_torch_thread(work < loop.SMALL):
        return pixels.train(
            net,
            view,
            codes,
            optimiser=torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4, nesterov=True),
            device=device,
            epochs=loop.epochs_for(len(codes), batch, epochs, LEAST_STEPS, steps),
            batch=batch,
            seed=seed,
            augment=augment,
            record=record,
            progress=progress,
            sampler=sampler,
            watch=watch,
        )


def passes(m: int, *, epochs: int, steps: int, batch: int, **_) -> int:
    """Images that training on m of them takes."""
    return m * loop.epochs_for(m, batch, epochs, LEAST_STEPS, steps)


def network(view: View, weights, kept, *, hidden: int = 128, **_) -> Network:
    """What `train` recorded, to differentiate, for the rows of the view."""
    return pixels.network(view, lambda device: _network(view, hidden, 0).to(device), weights, kept)


def _network(view: View, hidden: int, seed: int):
    return nets.on_pixels(nets.pixel_mlp(view.pixels.shape[1], hidden, len(view.classes), seed))
