"""timm: pooled features of any pretrained image model in the timm library, DINOv2 and later included.

Self-supervised models (the default, DINOv2) group images by what they show without having seen a label, and are the
strongest choice for photographs. Blind to what their training pictures lacked: tiny images, scans, spectra, symbols.
Resizing, cropping and normalisation are the model's own, as it was trained.

Wightman, PyTorch Image Models, 2019, https://doi.org/10.5281/zenodo.4414861. The default model: Oquab, Darcet,
Moutakanni et al., DINOv2: Learning Robust Visual Features without Supervision, TMLR 2024.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image
from pydantic import Field

from curation.card import Card, Download
from curation.data.view import View
from curation.errors import RecipeError, SourceError, nearest
from curation.training import weights
from curation.training.embed import Encoder

DEFAULT = "vit_small_patch14_dinov2.lvd142m"
DEFAULT_SIZE = "about 88 MB"
FILES = ("model.safetensors", "pytorch_model.bin")

CARD = Card(
    title="timm model",
    cost="one forward pass of the model per image",
    blind_to="what the model's training pictures lacked: tiny images, scans, symbols",
    needs=("images",),
    paper="https://arxiv.org/abs/2304.07193",
    tags=("images", "pretrained", "label-free"),
    requires=("torch", "timm"),
    rows="all",
    stochastic=False,
    pace=(0.1, 0.003),
    rank=3,
    shapes=True,
    download=Download(
        f"timm/{DEFAULT}",
        FILES[0],
        DEFAULT_SIZE,
        brings="DINOv2 groups photographs more finely by what they show.",
    ),
    why="Its weights are on this machine, and it groups photographs by what they show.",
)


def encode(
    view: View,
    *,
    device: str,
    model: Annotated[
        str, Field(min_length=1, description="Any name timm lists, with the tag of its weights after a dot.")
    ] = DEFAULT,
    checkpoint: Annotated[
        Path | None, Field(description="A local .safetensors, .pth or .pt file of weights, instead of the hub's.")
    ] = None,
    image_size: Annotated[
        int | None,
        Field(ge=32, le=1024, description="Side in pixels the model sees; empty: as it was trained."),
    ] = 224,
    batch: Annotated[
        int, Field(ge=1, le=4096, description="Images per forward pass; halved when memory runs out.")
    ] = 256,
) -> Encoder:
    """Encoder to the model's pooled features [m, d]. Raises RecipeError or SourceError where model or file do not fit.

    >>> encode(View.of(images=[]), device="cpu", model="no_such_model")
    Traceback (most recent call last):
    curation.errors.RecipeError: timm has no model 'no_such_model'; see timm.list_models() for the names
    """
    import timm
    import torch
    from timm.data import create_transform, resolve_model_data_config

    _known(model)
    net = _loaded(model, checkpoint, image_size)
    config = resolve_model_data_config(net)
    if image_size is not None:
        config["input_size"] = (3, image_size, image_size)
    net = net.eval().to(device, memory_format=torch.channels_last)
    mean, std = (255 * torch.tensor(config[name], device=device).view(3, 1, 1) for name in ("mean", "std"))

    def forward(images: torch.Tensor) -> torch.Tensor:
        return net((images.permute(0, 3, 1, 2).float() - mean) / std)  # a permuted HWC batch is channels-last

    steps = create_transform(**config, is_training=False, normalize=False)
    return Encoder(
        dim=_dim(net, config["input_size"], device),
        prepare=_Prepare(steps),
        forward=forward,
        batch=batch,
        notes={"timm": timm.__version__, "image_size": config["input_size"][-1]},
    )


def preflight(
    *, model: str = DEFAULT, checkpoint: Path | None = None, image_size: int | None = None, batch: int = 256
) -> None:
    """Raises UnavailableError where the weights are out of reach, RecipeError for a model timm does not know."""
    if checkpoint is not None:
        if not checkpoint.is_file():
            raise SourceError(f"there is no file {checkpoint}; `checkpoint` must be the path of a weights file")
        return _known(model)
    if model == DEFAULT:  # answered without loading timm and torch, which the app must not do to draw a list
        repo, size = f"timm/{DEFAULT}", DEFAULT_SIZE
    else:
        _known(model)
        repo, size = _repo(model), _size(model)
    weights.require(repo, FILES, what=f"timm's {model}", size=size)


class _Prepare:
    """The model's own resizing and cropping: `PIL.Image` -> uint8 [h, w, 3]."""

    def __init__(self, steps: Callable):
        self.steps = steps

    def __call__(self, image: Image.Image) -> np.ndarray:
        return np.ascontiguousarray(np.moveaxis(np.asarray(self.steps(image)), 0, -1))


def _loaded(model: str, checkpoint: Path | None, image_size: int | None):
    """The network without its classifier, on the CPU."""
    import timm

    # Models with position embeddings are built for one size; the others take any.
    fixed = image_size is not None and timm.get_pretrained_cfg(model).fixed_input_size
    resized = {"img_size": image_size} if fixed else {}
    if checkpoint is None:
        with weights.from_cache(weights.cached(_repo(model), FILES)):
            return timm.create_model(model, pretrained=True, num_classes=0, **resized)
    net = timm.create_model(model, pretrained=False, num_classes=0, **resized)
    # Each family knows how to read its original checkpoints; position embeddings are resized on the way.
    family = __import__(type(net).__module__, fromlist=["_"])
    try:
        found = timm.models.load_checkpoint(
            net, str(checkpoint), strict=False, filter_fn=getattr(family, "checkpoint_filter_fn", None)
        )
        lacking = found.missing_keys if found else []
    except Exception as error:  # unpicklable, truncated, other shapes: one file, many types
        raise SourceError(f"{checkpoint} does not load into timm's {model}: {str(error).splitlines()[0]}") from None
    if lacking:
        raise SourceError(
            f"{checkpoint} does not fit timm's {model}: "
            f"{len(lacking):,} of its tensors are missing, such as {lacking[0]}"
        )
    return net


def _known(model: str) -> None:
    import timm

    if not timm.is_model(model):
        names = timm.list_models()
        hint = nearest(model, names)
        raise RecipeError(
            f"timm has no model {model!r}; "
            + (hint if hint.startswith("did") else "see timm.list_models() for the names")
        )
    name, _, tag = model.partition(".")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{name}.*")]
    if tag and tag not in tags:
        raise RecipeError(f"timm has no weights {tag!r} for {name}; {nearest(tag, tags)}")


def _dim(net, shape: tuple[int, int, int], device: str) -> int:
    """Width of the pooled features; some models widen them after pooling, so one blank image is sent through."""
    import torch

    with torch.inference_mode():
        return net(torch.zeros(1, *shape, device=device)).shape[1]


def _repo(model: str) -> str:
    import timm

    config = timm.get_pretrained_cfg(model)
    if not config or not config.hf_hub_id:
        raise RecipeError(f"timm has no weights for {model!r}: choose another tag or give a local `checkpoint`")
    return config.hf_hub_id


def _size(model: str) -> str:
    import timm
    import torch

    with torch.device("meta"):  # shapes only, no memory
        net = timm.create_model(model, pretrained=False)
    return weights.megabytes(sum(p.numel() for p in net.parameters()))
