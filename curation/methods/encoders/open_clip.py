"""OpenCLIP: image features that were trained to agree with captions, and class names or captions in the same space.

Pictures of the same thing lie close together whatever the style, and every class name gets an embedding too, so
an item can be compared with what it is said to show. So does the caption of every image-text pair; one that is longer
than the model reads at once is the mean of its first sentences, as in InstructionGPT-4, and that is said. Blind to what
captions do not mention: counts, positions, fine texture, small text. The class names must be words; "7" and
"n02085620" say nothing to it.

Radford, Kim, Hallacy et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021;
Cherti, Beaumont, Wightman et al., Reproducible Scaling Laws for Contrastive Language-Image Learning, CVPR 2023.
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
from curation.maths.similarity.exact import unit
from curation.training import weights
from curation.training.device import autocast
from curation.training.embed import Encoder

DEFAULT = ("ViT-B-32", "laion2b_s34b_b79k")
DEFAULT_REPO, DEFAULT_SIZE = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "about 605 MB"
FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "pytorch_model.bin")

CARD = Card(
    title="OpenCLIP",
    cost="one forward pass of the image tower per image",
    blind_to="what captions leave out: counts, positions, fine texture",
    needs=("images",),
    paper="https://arxiv.org/abs/2103.00020",
    tags=("images", "pretrained", "label-free", "text"),
    requires=("torch", "open_clip"),
    rows="all",
    stochastic=False,
    pace=(0.08, 0.002),
    rank=3,
    download=Download(
        DEFAULT_REPO,
        FILES[0],
        DEFAULT_SIZE,
        brings="OpenCLIP knows far more kinds of images, and reads words: class names can be compared with images "
        "(clip_alignment), and rare classes searched for by name.",
    ),
    why="Its weights are on this machine, and it works well on everyday photographs.",
)

PROMPTS = (
    "a photo of a {}.",
    "a close-up photo of a {}.",
    "a photo of the small {}.",
    "a photo of the large {}.",
    "a blurry photo of a {}.",
    "a drawing of a {}.",
    "a {} in a scene.",
)

SENTENCES = 10  # of a long caption, as in InstructionGPT-4

Prompt = Annotated[str, Field(pattern=r"\{\}")]


def encode(
    view: View,
    *,
    device: str,
    progress: Callable[..., None],
    model: Annotated[str, Field(min_length=1, description="Any model name open_clip lists.")] = DEFAULT[0],
    pretrained: Annotated[
        str, Field(description="Which weights: a tag that open_clip lists for this model.")
    ] = DEFAULT[1],
    checkpoint: Annotated[
        Path | None, Field(description="A local .safetensors, .pt or .bin file of weights, instead of the hub's.")
    ] = None,
    prompts: Annotated[
        tuple[Prompt, ...],
        Field(
            description="Prompts for class names, averaged; {} stands for the name; empty: class names are not encoded."
        ),
    ] = PROMPTS,
    batch: Annotated[
        int, Field(ge=1, le=4096, description="Images per forward pass; halved when memory runs out.")
    ] = 256,
) -> Encoder:
    """Encoder to L2-normalised image features [m, d], with the class names as `text` [C, d].

    >>> encode(View.of(images=[]), device="cpu", progress=print, model="ViT-B-33")
    Traceback (most recent call last):
    curation.errors.RecipeError: open_clip has no model 'ViT-B-33'; did you mean 'ViT-B-32'?
    """
    import open_clip
    import torch
    from torch.nn.functional import normalize
    from torchvision.transforms import Normalize

    _known(model, pretrained, checkpoint)
    net = _loaded(model, pretrained, checkpoint).eval().to(device)
    text = _text(net, model, view.classes, prompts, device, progress) if prompts and view.classes else None
    looks = net.visual.preprocess_cfg
    mean, std = (255 * torch.tensor(looks[name], device=device).view(3, 1, 1) for name in ("mean", "std"))
    net.visual.to(memory_format=torch.channels_last)

    def forward(images: torch.Tensor) -> torch.Tensor:
        images = (images.permute(0, 3, 1, 2).float() - mean) / std  # a permuted HWC batch is channels-last
        return normalize(net.encode_image(images).float(), dim=-1)

    steps = open_clip.image_transform(
        looks["size"],
        is_train=False,
        mean=looks["mean"],
        std=looks["std"],
        resize_mode=looks["resize_mode"],
        interpolation=looks["interpolation"],
        fill_color=looks.get("fill_color", 0),
    ).transforms
    # The last two make a normalised tensor of the image; that is done on the device, a quarter of the bytes later.
    assert isinstance(steps[-1], Normalize)
    return Encoder(
        dim=_dim(net, looks["size"], device),
        prepare=_Prepare(steps[:-2]),
        forward=forward,
        batch=batch,
        text=text,
        captions=_Captions(net, open_clip.get_tokenizer(model), device),
        notes={"open_clip": open_clip.__version__},
    )


def preflight(
    *,
    model: str = DEFAULT[0],
    pretrained: str = DEFAULT[1],
    checkpoint: Path | None = None,
    prompts: tuple[str, ...] = PROMPTS,
    batch: int = 256,
) -> None:
    """Raises UnavailableError where package or weights are out of reach, RecipeError for names nobody knows."""
    if checkpoint is not None:
        if not checkpoint.is_file():
            raise SourceError(f"there is no file {checkpoint}; `checkpoint` must be the path of a weights file")
        return _known(model, pretrained, checkpoint)
    if (model, pretrained) == DEFAULT:  # answered without loading open_clip and torch: the app only draws a list
        repo, size = DEFAULT_REPO, DEFAULT_SIZE
    else:
        _known(model, pretrained, checkpoint)
        repo, size = _repo(model, pretrained), _size(model)
    weights.require(repo, FILES, what=f"open_clip's {model}", size=size)


class _Captions:
    """The text tower. A text longer than its window is the mean of its first sentences, each cut at the window.

    Wei, Jiang, Huang & Sun, InstructionGPT-4, arXiv 2308.12067, 2023.
    """

    def __init__(self, net, tokenizer, device: str):
        self.net, self.tokenizer, self.device = net, tokenizer, device
        self.window = int(net.context_length)
        self._pad = getattr(getattr(tokenizer, "tokenizer", None), "pad_token_id", 0) or 0

    def __call__(self, texts: list[str]) -> np.ndarray:
        """float32 [b, d], unit rows."""
        parts = [_sentences(text) if cut else [text] for text, cut in zip(texts, self._longer(texts), strict=True)]
        flat, step = [part for own in parts for part in own], max(len(texts), 1)
        encoded = np.concatenate([self._encoded(flat[at : at + step]) for at in range(0, len(flat), step)])
        starts = np.cumsum([0, *(len(own) for own in parts[:-1])])
        return unit(np.add.reduceat(encoded, starts, axis=0))

    def longer(self, texts: list[str]) -> int:
        return sum(self._longer(texts))

    def _longer(self, texts: list[str]) -> list[bool]:
        tokens = self.tokenizer(texts, context_length=self.window + 1)
        return (tokens[:, self.window] != self._pad).tolist()

    def _encoded(self, texts: list[str]) -> np.ndarray:
        import torch

        tokens = self.tokenizer(texts, context_length=self.window).to(self.device)
        with torch.inference_mode(), autocast(self.device):
            return self.net.encode_text(tokens, normalize=True).float().cpu().numpy()


def _sentences(text: str) -> list[str]:
    return [part for part in text.split(".") if part.strip()][:SENTENCES] or [text]


class _Prepare:
    """The model's own resizing and cropping: `PIL.Image` -> uint8 [h, w, 3]."""

    def __init__(self, steps: list):
        self.steps = steps

    def __call__(self, image: Image.Image) -> np.ndarray:
        for step in self.steps:
            image = step(image)
        return np.array(image)


def _loaded(model: str, pretrained: str, checkpoint: Path | None):
    """Both towers on the CPU, in eval mode, with the preprocessing of the weights written on the image tower."""
    import open_clip

    config = open_clip.get_pretrained_cfg(model, pretrained)
    # Some weights were trained with the faster GELU; the tag knows, the model's name need not say it.
    quick = bool(config.get("quick_gelu", False))
    if checkpoint is None:
        with weights.from_cache(weights.cached(_repo(model, pretrained), FILES)):
            return open_clip.create_model(model, pretrained=pretrained, force_quick_gelu=quick, weights_only=True)
    looks = {name: config[name] for name in ("mean", "std", "interpolation", "resize_mode") if name in config}
    net = open_clip.create_model(
        model, force_quick_gelu=quick, force_preprocess_cfg=looks, pretrained_text=False, load_weights=False
    )
    try:
        open_clip.load_checkpoint(net, str(checkpoint), strict=True, weights_only=True)
    except Exception as error:  # unpicklable, truncated, other names or shapes: one file, many types
        said = " ".join(str(error).split())[:200]
        raise SourceError(f"{checkpoint} does not load into open_clip's {model}: {said}") from None
    return net


def _text(
    net, model: str, classes: tuple[str, ...], prompts: tuple[str, ...], device: str, progress: Callable[..., None]
) -> np.ndarray:
    """float32 [C, d]: per class the mean of its normalised prompt embeddings, normalised again."""
    import open_clip
    import torch
    from torch.nn.functional import normalize

    tokenizer = open_clip.get_tokenizer(model)
    rows = []
    with torch.inference_mode():
        for done, name in enumerate(classes):
            progress(done, len(classes), "encoding class names")
            words = [prompt.replace("{}", name.replace("_", " ")) for prompt in prompts]
            encoded = net.encode_text(tokenizer(words).to(device), normalize=True)
            rows.append(normalize(encoded.float().mean(0), dim=0))
    return torch.stack(rows).cpu().numpy()


def _known(model: str, pretrained: str, checkpoint: Path | None) -> None:
    import open_clip

    if model not in open_clip.list_models():
        raise RecipeError(f"open_clip has no model {model!r}; {nearest(model, open_clip.list_models())}")
    if checkpoint is None and not open_clip.is_pretrained_cfg(model, pretrained):
        tags = open_clip.list_pretrained_tags_by_model(model)
        hint = nearest(pretrained, tags) if tags else "it has none at all, so give a local `checkpoint`"
        raise RecipeError(f"open_clip has no weights {pretrained!r} for {model}; {hint}")


def _repo(model: str, pretrained: str) -> str:
    import open_clip

    return open_clip.get_pretrained_cfg(model, pretrained)["hf_hub"].rpartition("/")[0]


def _size(model: str) -> str:
    import open_clip
    import torch

    with torch.device("meta"):  # shapes only, no memory
        net = open_clip.create_model(model, device="meta", load_weights=False, pretrained_text=False)
    return weights.megabytes(sum(p.numel() for p in net.parameters()))


def _dim(net, size: int | tuple[int, int], device: str) -> int:
    import torch

    height, width = (size, size) if isinstance(size, int) else size
    with torch.inference_mode():
        return net.encode_image(torch.zeros(1, 3, height, width, device=device)).shape[1]
