"""Patches: a dictionary of small image patches, learned on the images at hand; nothing to download.

Every 6 x 6 patch of an image is freed of brightness and contrast, whitened, and compared with a dictionary that
k-means found among such patches. What is left of each likeness above the average one is added up in the four
quarters of the image, and the result is reduced by PCA. On 32 x 32 photographs a linear classifier on these
features reaches what small convolutional networks reached before deep learning. Blind to shapes larger than a
patch within a quarter, and to detail that is lost when large images are made `size` pixels wide.

The form of the activation: with atoms of length one the squared distance to atom c is |x|^2 + 1 - 2 x.c, so the
triangle activation max(0, mean distance - distance) is 2 max(0, x.(c - mean atom)): one matrix product, in which the
whitening is folded too. Roots of the sums keep a few busy atoms from deciding every distance, and so do principal
components divided by the root of their deviation. Dividing by the deviation itself would make the weakest components,
which are mostly noise, as loud as the strongest: measured on the digits with 5 % wrong labels, held-out accuracy of
a linear head is 88 % then, against 97 % with the root.

Coates, Lee & Ng, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011;
Coates & Ng, Learning Feature Representations with K-means, in Neural Networks: Tricks of the Trade, 2012.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np
from PIL import Image
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import RecipeError
from curation.training import cores
from curation.training.embed import Encoder, decoded

if TYPE_CHECKING:
    import torch

CARD = Card(
    title="Patch dictionary",
    cost="n * size^2 * atoms time; 3 minutes for 60,000 images on 2 cores",
    blind_to="shapes larger than a patch, and detail below `size` pixels",
    needs=("images",),
    paper="https://proceedings.mlr.press/v15/coates11a.html",
    tags=("images", "label-free", "offline"),
    requires=("torch",),
    rows="all",
    pace=(0.012, 0.012),
    rank=1,
    why="It works offline: it learns from these images, and nothing is downloaded.",
)

SAMPLE = 8_000  # train images the dictionary and the components are fitted on
PATCHES = 80_000  # patches k-means sees
ROUNDS = 10  # of k-means; later ones change nothing that shows in accuracy
CONTRAST = 10.0  # added to a patch's variance (of values 0 to 255), so that flat patches stay flat
FLOOR = 0.1  # added to the eigenvalues of the patches' covariance when whitening
STILL = 0.1  # deviations below this are nothing to divide by
PARTS = 10  # in which the sample is encoded, to report progress
AT_ONCE = 4  # images per matrix product: their activations stay in the processor's cache


def encode(
    view: View,
    *,
    rng: np.random.Generator,
    device: str,
    progress: Callable[..., None],
    size: Annotated[
        int, Field(ge=8, le=128, description="Side in pixels every image is resized to; cost grows with its square.")
    ] = 32,
    patch: Annotated[int, Field(ge=3, le=12, description="Side of a patch in pixels; 6 in the paper.")] = 6,
    atoms: Annotated[
        int,
        Field(ge=16, le=6400, description="Size of the dictionary; never more than one atom per 4 train images."),
    ] = 1600,
    dim: Annotated[int, Field(ge=2, le=2048, description="Numbers per image: the strongest components kept.")] = 512,
) -> Encoder:
    """Encoder to [m, at most dim]: principal components, strongest first, each divided by the root of its deviation.

    Fitted on a sample of the train rows only; test rows are encoded, never learned from.

    >>> from curation.data.items import make_items
    >>> from curation.data.contents import Images
    >>> noise = np.random.default_rng(0).integers(0, 256, (16, 8, 8), dtype=np.uint8)
    >>> items = make_items(ids=[str(i) for i in range(16)], labels=["a"] * 16, splits=["train"] * 16, images=noise)
    >>> view = View.of(images=Images(items, np.arange(16)))
    >>> rng = np.random.default_rng(0)
    >>> encode(view, rng=rng, device="cpu", progress=lambda *_: None, size=8, atoms=16, dim=4).dim
    4
    """
    import torch

    train = view.train
    sample = np.sort(rng.choice(train, min(SAMPLE, len(train)), replace=False))
    atoms = max(16, min(atoms, len(train) // 4))

    def tell(done: int) -> None:
        progress(done, 1 + ROUNDS + PARTS, "learning the patch dictionary")

    tell(0)
    prepare = partial(_resized, size=size)
    with ThreadPoolExecutor() as pool, torch.inference_mode():
        images = np.stack(list(pool.map(lambda at: decoded(view.images, int(at), prepare), sample)))
        tell(1)
        features = _Features(images, patch, atoms, rng, device, lambda done: tell(1 + done))
        pooled = []
        for part in np.array_split(images, min(PARTS, len(images))):
            pooled.append(features(torch.from_numpy(part).to(device)))
            tell(1 + ROUNDS + len(pooled))
        mean, components = _components(torch.cat(pooled), dim, rng)

    def forward(batch: torch.Tensor) -> torch.Tensor:
        with torch.autocast(batch.device.type, enabled=False):  # these products gain little from half precision
            return (features(batch) - mean) @ components

    return Encoder(
        dim=components.shape[1],
        prepare=prepare,
        forward=forward,
        batch=256,
        notes={"atoms": atoms, "fitted_on": len(sample)},
    )


def preflight(*, size: int = 32, patch: int = 6, atoms: int = 1600, dim: int = 512) -> None:
    """Raises RecipeError where a patch is larger than the image."""
    if patch > size:
        raise RecipeError(f"patch = {patch} is larger than size = {size}: a patch is a part of the resized image")


class _Features:
    """uint8 [b, s, s, 3] -> float [b, 4 * atoms]: roots of the activations, summed over the quarters of the image.

    The dictionary is learned on making, from uint8 images [n, s, s, 3].
    """

    def __init__(
        self,
        images: np.ndarray,
        patch: int,
        atoms: int,
        rng: np.random.Generator,
        device: str,
        progress: Callable[[int], None],
    ):
        import torch

        self.patch = patch
        windows = np.lib.stride_tricks.sliding_window_view(images, (patch, patch), axis=(1, 2))
        side = windows.shape[1]  # places along an edge; windows: [n, side, side, 3, patch, patch]
        drawn = windows[tuple(rng.integers(0, windows.shape[:3], (PATCHES, 3)).T)]
        x = _even(torch.from_numpy(drawn.transpose(0, 2, 3, 1).reshape(PATCHES, -1)).to(device).float())
        self.centre = x.mean(0)
        x -= self.centre
        values, vectors = torch.linalg.eigh((x.T @ x / len(x)).cpu().double())
        self.whiten = (vectors / (values.clamp(min=0) + FLOOR).sqrt() @ vectors.T).float().to(device)
        self.dictionary = _k_means(x @ self.whiten, atoms, rng, progress)
        # All that happens to an even patch before the activation, as one product.
        self.weight = (self.whiten @ (self.dictionary - self.dictionary.mean(0)).T).contiguous()
        self.bias = -self.centre @ self.weight
        half = (torch.arange(side) * 2 >= side).long()
        quarter = (2 * half[:, None] + half).flatten()
        self.quarters = torch.nn.functional.one_hot(quarter, 4).T.float().to(device)  # [4, side * side]

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.cat(cores.each(self._of, batch, 16))

    def _of(self, batch: torch.Tensor) -> torch.Tensor:
        import torch

        rows, places = [], self.quarters.shape[1]
        many = AT_ONCE if batch.device.type == "cpu" else len(batch)
        # One buffer for all: fresh memory for every product would cost as much as the product.
        buffer = torch.empty(min(many, len(batch)) * places, self.weight.shape[1], device=batch.device)
        for images in batch.split(many):
            patches = _even(_patches(images.float(), self.patch))
            likeness = torch.addmm(self.bias, patches, self.weight, out=buffer[: len(patches)]).relu_()
            rows.append((self.quarters @ likeness.view(len(images), places, -1)).flatten(1).sqrt_())
        return torch.cat(rows)


def _patches(images: torch.Tensor, patch: int) -> torch.Tensor:
    """Every patch of [b, s, s, 3], row by row: [b * side * side, patch * patch * 3]."""
    windows = images.unfold(1, patch, 1).unfold(2, patch, 1)  # [b, side, side, 3, patch, patch], a view
    return windows.permute(0, 1, 2, 4, 5, 3).reshape(-1, patch * patch * 3)


def _even(patches: torch.Tensor) -> torch.Tensor:
    """Each patch with mean 0 and, unless it is flat, variance 1."""
    import torch

    return torch.nn.functional.layer_norm(patches, patches.shape[1:], eps=CONTRAST)


def _k_means(x: torch.Tensor, atoms: int, rng: np.random.Generator, progress: Callable[[int], None]) -> torch.Tensor:
    """Atoms of length one [k, p]: each round an atom moves to the patches that it, or its negative, is likest to."""
    import torch
    from torch.nn.functional import normalize

    start = rng.choice(len(x), atoms, replace=False)
    dictionary = normalize(x[torch.from_numpy(start).to(x.device)])

    def pull(patches: torch.Tensor) -> torch.Tensor:
        likeness = patches @ dictionary.T
        best = likeness.abs().argmax(1, keepdim=True)
        # A product with a one-hot matrix where an indexed sum would do: the same bytes on every run, on GPUs too.
        chosen = torch.zeros_like(likeness).scatter_(1, best, likeness.gather(1, best))
        return chosen.T @ patches

    for done in range(ROUNDS):
        dictionary = normalize(
            dictionary + sum(cores.each(pull, x, 2048))
        )  # the old atom stays in the sum, so no atom dies
        progress(done + 1)
    return dictionary


def _components(features: torch.Tensor, dim: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean [D] and half-whitened principal components [D, at most dim] of standardised features [n, D].

    By randomised subspace iteration (Halko, Martinsson & Tropp, SIAM Review 2011).
    """
    import torch

    device = features.device
    if device.type == "mps":  # has no QR
        features = features.cpu()
    mean, spread = features.mean(0), features.std(0, correction=0).clamp(min=STILL)
    features = (features - mean) / spread
    n, width = features.shape
    keep = max(1, min(dim, n - 1, width))
    basis = torch.from_numpy(rng.standard_normal((width, min(keep + 32, n, width))).astype(np.float32))
    basis = basis.to(features.device)
    for _ in range(3):
        basis = torch.linalg.qr(features.T @ (features @ basis))[0]
    _, values, turn = torch.linalg.svd(features @ basis, full_matrices=False)
    deviation = values[:keep] / n**0.5
    components = basis @ turn[:keep].T / deviation.clamp(min=STILL**2).sqrt()
    return mean.to(device), (components / spread[:, None]).to(device)


def _resized(image: Image.Image, size: int) -> np.ndarray:
    """uint8 [size, size, 3]; the whole image, also where that changes its proportions."""
    return np.array(image if image.size == (size, size) else image.resize((size, size), Image.Resampling.BICUBIC))
