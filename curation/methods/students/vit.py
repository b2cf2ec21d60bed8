"""ViT: a small vision transformer trained on the pixels from scratch, which can leave out patches and connections.

Cuts an image into patches and lets them attend to each other; `keep_tokens` and `keep_attention` are two levels of the
tri-level reduction of vision transformers, and the sampler trilevel_examples is the third. AdamW, one cycle of the
learning rate, random crops and flips. A transformer has to learn what a convolution knows: on a few thousand images it
stays behind `cnn`, so its place is in comparing what leaving things out costs (docs/schedule.md). Blind to detail lost
at the small size of `pixels`, and to patches that the [CLS] token overlooks.

Dosovitskiy et al., An Image Is Worth 16x16 Words: Transformers for Image Recognition at Scale, ICLR 2021.
Kong, Ma, Yuan, Sun, Xie, Dong, Meng, Shen, Tang, Qin, Chen, Ma, Xie, Wang & Wang, Peeling the Onion: Hierarchical
Reduction of Data Redundancy for Efficient Vision Transformer Training, AAAI 2023. Differs: patches are left out at one
block instead of three.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.maths.threads import one_torch_thread
from curation.training import loop, pixels
from curation.training.checkpoints import Network
from curation.training.sampler import Sampler
from curation.training.student import Predictor, Record
from curation.training.vit import Shape, multiplications, vit

CARD = Card(
    title="Small ViT on pixels",
    cost="epochs * m * depth * (t * width^2 + t^2 * width) time for t = (s / patch)^2 patches, m * s^2 memory",
    blind_to="detail lost at the size of the pixels, patches left out",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/2010.11929",
    tags=("network", "slow"),
    requires=("torch",),
    weights=True,
)

LEAST_STEPS = 300  # a set of 100 items gets this many updates, whatever `epochs` says


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
    ] = 20,
    steps: Annotated[
        int,
        Field(ge=0, le=10_000_000, description="Number of updates, the same for every subset; 0 uses epochs instead."),
    ] = 0,
    patch: Annotated[int, Field(ge=1, le=64, description="Side of a patch in pixels.")] = 4,
    width: Annotated[int, Field(ge=8, le=1024, description="Numbers per token.")] = 64,
    depth: Annotated[int, Field(ge=1, le=24, description="Blocks.")] = 6,
    keep_tokens: Annotated[
        float, Field(gt=0, le=1, description="Share of the patches that stay; the others become one token.")
    ] = 1.0,
    keep_attention: Annotated[
        float, Field(gt=0, le=1, description="Share of the connections among them that each patch keeps.")
    ] = 1.0,
    from_layer: Annotated[
        int, Field(ge=0, le=23, description="The block, from 0, from which on patches and connections are left out.")
    ] = 2,
    lr: Annotated[float, Field(gt=0, le=1, description="AdamW's peak learning rate.")] = 0.002,
    batch: Annotated[int, Field(ge=8, le=4096, description="Images per step.")] = 64,
    augment: Annotated[
        Literal["none", "crop", "crop_flip"],
        Field(description="Random shifts, with or without left-right flips; do not flip digits or text."),
    ] = "crop_flip",
) -> Predictor:
    """A Predictor with C = len(view.classes) outputs, trained on exactly the rows of the view.

    Raises InputError where there is no block `from_layer` and something is to be left out.

    >>> import numpy as np
    >>> x = np.zeros((16, 8, 8, 3), dtype=np.uint8)
    >>> x[8:] = 255
    >>> view = View.of(pixels=x, labels=np.repeat([0, 1], 8))
    >>> train(view, seed=0, device="cpu", width=8, depth=2, steps=20, from_layer=0, keep_tokens=0.5).logits(view).shape
    (16, 2)
    """
    import torch

    codes = loop.checked_labels(view)
    shape = _shape(view, patch, width, depth, keep_tokens, keep_attention, from_layer)
    net = vit(shape, seed).to(device)
    with one_torch_thread(multiplications(shape) * 3 * batch < loop.SMALL):
        return pixels.train(
            net,
            view,
            codes,
            optimiser=torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.05),
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


def network(
    view: View,
    weights,
    kept,
    *,
    patch: int = 4,
    width: int = 64,
    depth: int = 6,
    keep_tokens: float = 1.0,
    keep_attention: float = 1.0,
    from_layer: int = 2,
    **_,
) -> Network:
    """What `train` recorded, to differentiate, for the rows of the view."""
    shape = _shape(view, patch, width, depth, keep_tokens, keep_attention, from_layer)
    return pixels.network(view, lambda device: vit(shape, seed=0).to(device), weights, kept)


def _shape(view: View, patch: int, width: int, depth: int, tokens: float, attention: float, layer: int) -> Shape:
    if (tokens < 1 or attention < 1) and layer >= depth:
        raise InputError(f"from_layer = {layer} of a vit of {depth} blocks, which are counted from 0: lower it")
    return Shape(view.pixels.shape[1], patch, width, depth, len(view.classes), tokens, attention, layer)
