"""ResNet-18: the published residual network, trained on the pixels from scratch by a short recipe for a GPU.

The student of most pruning papers, so its numbers can be held against theirs. Up to 64 pixels it starts with one
3 x 3 convolution and keeps every pixel, above with the 7 x 7 and the pooling of ImageNet. The whole set lies on the
device, images are channels-last and half precision on CUDA, and SGD with Nesterov momentum, label smoothing, random
crops and flips goes through one cycle of the learning rate. Blind to detail lost at the small size of `pixels`; needs
thousands of images. Not yet timed on a GPU.

He, Zhang, Ren & Sun, Deep Residual Learning for Image Recognition, CVPR 2016; the network is torchvision's.
Goyal et al., Accurate, Large Minibatch SGD, 2017 (the learning rate in proportion to the batch).
Jordan, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024 (the whole set on the device, one short cycle).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.training import loop, pixels
from curation.training.checkpoints import Network
from curation.training.sampler import Sampler
from curation.training.student import Predictor, Record

CARD = Card(
    title="ResNet-18 on pixels",
    cost="epochs * m * s^2 time, minutes on a GPU and hours on a CPU; m * s^2 memory, 45 MB a checkpoint",
    blind_to="detail lost at the size of the pixels",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/1512.03385",
    tags=("network", "slow", "gpu"),
    requires=("torch", "torchvision"),
    weights=True,
)


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
        int, Field(ge=1, le=1000, description="Passes over the training images; small sets get more.")
    ] = 30,
    steps: Annotated[
        int,
        Field(ge=0, le=10_000_000, description="Number of updates, the same for every subset; 0 uses epochs instead."),
    ] = 0,
    lr: Annotated[
        float, Field(gt=0, le=10, description="Peak learning rate at 512 images per step; scaled with the batch.")
    ] = 0.4,
    batch: Annotated[int, Field(ge=8, le=4096, description="Images per step.")] = 512,
    smoothing: Annotated[
        float, Field(ge=0, lt=1, description="Label smoothing: share of a label spread over all classes.")
    ] = 0.1,
    augment: Annotated[
        Literal["none", "crop", "crop_flip"],
        Field(description="Random shifts, with or without left-right flips; do not flip digits or text."),
    ] = "crop_flip",
    stem: Annotated[
        Literal["auto", "small", "large"],
        Field(description="First layers: small for up to 64 pixels, large for photographs; auto goes by image size."),
    ] = "auto",
) -> Predictor:
    """A Predictor with C = len(view.classes) outputs, trained on exactly the rows of the view.

    >>> import numpy as np
    >>> x = np.zeros((16, 8, 8, 3), dtype=np.uint8)
    >>> x[8:] = 255
    >>> view = View.of(pixels=x, labels=np.repeat([0, 1], 8))
    >>> train(view, seed=0, device="cpu", steps=4).logits(view).shape
    (16, 2)
    """
    return pixels.train_resnet(
        18,
        view,
        stem=stem,
        seed=seed,
        device=device,
        record=record,
        progress=progress,
        sampler=sampler,
        watch=watch,
        epochs=epochs,
        steps=steps,
        lr=lr,
        batch=batch,
        smoothing=smoothing,
        augment=augment,
    )


def passes(m: int, *, epochs: int, steps: int, batch: int, **_) -> int:
    """Images that training on m of them takes.

    >>> passes(50_000, epochs=30, steps=0, batch=512)
    1500000
    """
    return m * loop.epochs_for(m, batch, epochs, pixels.LEAST_STEPS, steps)


def network(view: View, weights, kept, *, stem: str = "auto", **_) -> Network:
    """What `train` recorded, to differentiate, for the rows of the view."""
    return pixels.resnet_network(18, view, weights, kept, stem)
