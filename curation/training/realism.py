"""How much condensed images look like real ones, by the principal components of the real ones.

    nearest   distance to the nearest real image but the one it was made from, in the space of the components
    residual  length of what the components leave over: noise, or detail that real images do not have

Both are held against the same figures of real images that the components were not made from. Blurry images are closer
to real ones than real ones to each other and leave less over; read a ratio near 1 as real, not a small one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.data.results import Condensed
from curation.data.view import View
from curation.errors import InputError
from curation.training import nets
from curation.training.condensed import training_view
from curation.training.real_images import RealImages

LEAST = 4  # real images to compare with
MOST = 5000  # real images that are looked at, half of them to make components of
MOST_COMPONENTS, EXPLAINED = 64, 0.9  # as many as hold this share of the variance, so that something is left over
RARE = 0.01  # of the real pixels at a place are darker, and as many brighter, than what counts as in range


@dataclass(frozen=True)
class Realism:
    """Means over the images of a set, and over real ones. out_of_range: the share of its pixels that are darker than
    all but 1 % of the real ones at their place, or brighter; of real ones about 2 %, at most."""

    nearest: float
    real_nearest: float
    residual: float
    real_residual: float
    out_of_range: float

    @property
    def ratio(self) -> float:
        """Of the distances to the nearest real image; 1: like a real one."""
        return self.nearest / self.real_nearest if self.real_nearest else float("nan")

    @property
    def residual_ratio(self) -> float:
        """Of what is left over; 1: as much detail as real ones have, below it they are smoother."""
        return self.residual / self.real_residual if self.real_residual else float("nan")


def realism(condensed: Condensed, view: View, *, device: str = "cpu") -> Realism:
    """Of a set of images (mosaics taken apart), by the real ones it was made from.

    >>> pixels = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3)).astype(np.uint8)
    >>> view = View.of(pixels=pixels, labels=np.zeros(40, int))
    >>> black = realism(Condensed(np.zeros((1, 8, 8, 3), np.float32), np.array([0])), view)
    >>> black.out_of_range > 0.5, black.nearest > black.real_nearest
    (True, True)
    """
    import torch

    if condensed.space != "pixels":
        raise InputError("realism is a question to images; this set holds embeddings")
    if len(view) < LEAST:
        raise InputError(f"realism needs at least {LEAST} real images to compare with; there are {len(view)}")
    real = RealImages(view, device)
    some = np.random.default_rng(0).permutation(len(view))[:MOST]
    known = real.batch(some[::2]).flatten(1)
    others = real.batch(some[1::2]).flatten(1)
    made = real.standardised(training_view(condensed, view.classes).pixels).flatten(1)
    mean = known.mean(dim=0)
    axes = _components(known - mean)

    def placed(x) -> tuple:
        at = (x - mean) @ axes
        return at, float((x - mean - at @ axes.T).norm(dim=1).mean())

    places = placed(known)[0]
    at, residual = placed(made)
    there, real_residual = placed(others)
    low, high = (torch.from_numpy(x).to(device) for x in np.quantile(known.cpu().numpy(), (RARE, 1 - RARE), axis=0))
    return Realism(
        nearest=float(
            torch.cdist(at, places).masked_fill(_origins(condensed, some[::2], device), torch.inf).amin(1).mean()
        ),
        real_nearest=float(torch.cdist(there, places).amin(dim=1).mean()),
        residual=residual,
        real_residual=real_residual,
        out_of_range=float(((made < low - 1e-4) | (made > high + 1e-4)).float().mean()),
    )


def _origins(condensed: Condensed, known: np.ndarray, device: str):
    """bool [made, known]: the real image that one was made from, which would be near to it in any case."""
    import torch

    if condensed.rows is None or condensed.parts > 1:
        return torch.zeros((1, len(known)), dtype=torch.bool, device=device)
    return torch.from_numpy(condensed.rows[:, None] == known).to(device)


def _components(centred):
    """[pixels, k], of unit length."""
    import torch

    with nets.seeded(0):  # the algorithm is a random one
        _, spread, axes = torch.pca_lowrank(centred, q=min(MOST_COMPONENTS, *centred.shape), center=False)
    held = spread.square().cumsum(0) / centred.square().sum()
    return axes[:, : int((held < EXPLAINED).sum()) + 1]
