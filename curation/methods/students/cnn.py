"""CNN: a small residual network trained on the pixels from scratch.

Sees what frozen embeddings cannot and learns its own features, so its dynamics and its verdict on a subset are those
the pruning papers speak of, at a small fraction of their scale. SGD with Nesterov momentum, one cycle of the learning
rate, random crops and flips. Blind to detail lost at the small size of `pixels`; on a few hundred images it says more
about itself than about them. Minutes on a CPU: 10,000 images of 32 x 32 took 141 s of one core.

He, Zhang, Ren & Sun, Deep Residual Learning for Image Recognition, CVPR 2016.
Jordan, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024 (the whole set on the device, one short cycle).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.threads import one_torch_thread
from curation.training import loop, nets, pixels
from curation.training.checkpoints import Network
from curation.training.sampler import Sampler
from curation.training.student import Predictor, Record

CARD = Card(
    title="Small ResNet on pixels",
    cost="epochs * m * width^2 * s^2 time, m * s^2 memory",
    blind_to="detail lost at the size of the pixels",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/1512.03385",
    tags=("network", "slow"),
    requires=("torch",),
    weights=True,
)

LEAST_STEPS = 200  # a set of 100 items gets this many updates, whatever `epochs` says


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
        int, Field(ge=1, le=1000, description="Passes over the training images; sets of only a few batches get more.")
    ] = 10,
    steps: Annotated[
        int,
        Field(ge=0, le=10_000_000, description="Number of updates, the same for every subset; 0 uses epochs instead."),
    ] = 0,
    width: Annotated[
        int, Field(ge=4, le=512, description="Channels of the first layer; 16 for a CPU, 64 for a GPU.")
    ] = 16,
    lr: Annotated[float, Field(gt=0, le=10, description="Peak learning rate.")] = 0.05,
    batch: Annotated[int, Field(ge=8, le=4096, description="Images per step.")] = 64,
    augment: Annotated[
        Literal["none", "crop", "crop_flip"],
        Field(description="Random shifts, with or without left-right flips; do not flip digits or text."),
    ] = "crop_flip",
) -> Predictor:
    """A Predictor with C = len(view.classes) outputs, trained on exactly the rows of the view.

    >>> import numpy as np
    >>> x = np.zeros((16, 8, 8, 3), dtype=np.uint8)
    >>> x[8:] = 255
    >>> view = View.of(pixels=x, labels=np.repeat([0, 1], 8))
    >>> train(view, seed=0, device="cpu", width=4).logits(view).argmax(axis=1).tolist() == view.labels.tolist()
    True
    """
    import torch

    codes = loop.checked_labels(view)
    net = nets.resnet(width, len(view.classes), seed).to(device, memory_format=torch.channels_last)
    work = 100 * (width * view.pixels.shape[1]) ** 2 * batch  # multiplications per step, roughly
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
    """Images that training on m of them takes.

    >>> passes(50_000, epochs=10, steps=0, batch=64), passes(100, epochs=10, steps=0, batch=64)
    (500000, 10000)
    """
    return m * loop.epochs_for(m, batch, epochs, LEAST_STEPS, steps)


def network(view: View, weights, kept, *, width: int = 16, **_) -> Network:
    """What `train` recorded, to differentiate, for the rows of the view."""

    def build(device: str):
        return nets.resnet(width, len(view.classes), seed=0).to(device)

    return pixels.network(view, build, weights, kept)
