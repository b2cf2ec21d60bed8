"""A small convolutional autoencoder of the images at hand: a prior for condensed images, without a download.

    image -> latent [z] -> middle [2 w, s/4, s/4] -> image        loss: squared error, on standardised pixels

The decoder ends in a sigmoid, so that whatever it decodes is an image: no pixel leaves the range 0..255.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from curation.training import nets
from curation.training.real_images import RealImages

Depth = Literal["latent", "middle", "pixels"]

LR, BATCH = 2e-3, 64


class Autoencoder:
    """Trained on real images in `steps` batches of 64; deterministic for a seed on the CPU.

    passes: of single images in training, both ways.
    """

    def __init__(
        self, real: RealImages, *, latent: int, width: int, steps: int, seed: int, progress: Callable | None = None
    ):
        import torch

        self.passes = steps * BATCH
        with nets.seeded(seed):
            self._encoder, self._upper, self._lower = (
                net.to(real.device) for net in _layers(real.channels, real.side, latent, width)
            )
        self._low, self._reach = real.low, real.high - real.low
        weights = [x for net in (self._encoder, self._upper, self._lower) for x in net.parameters()]
        optimiser, rng = torch.optim.Adam(weights, lr=LR), np.random.default_rng(seed)
        for step in range(steps):
            images = real.batch(rng.integers(len(real.labels), size=BATCH))
            loss = (self.decode(self.encode(images, "latent"), "latent") - images).square().mean()
            for group in optimiser.param_groups:
                group["lr"] = LR * 0.5 * (1 + math.cos(math.pi * step / steps))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if progress is not None and step % 20 == 0:
                progress(0, 1000, f"autoencoder, step {step + 1:,} of {steps:,}")
        for x in weights:
            x.requires_grad_(False)

    def encode(self, images, depth: Depth):
        """[b, c, s, s] -> what lies at a depth: [b, z], [b, 2 w, s/4, s/4], or the images."""
        if depth == "pixels":
            return images
        code = self._encoder(images)
        return code if depth == "latent" else self._upper(code)

    def decode(self, code, depth: Depth):
        """The way back: [b, c, s, s], standardised, within the range of pixels. Differentiable."""
        if depth == "pixels":
            return code
        middle = self._upper(code) if depth == "latent" else code
        return self._low + self._reach * self._lower(middle).sigmoid()


def _layers(channels: int, side: int, latent: int, width: int) -> list:
    """Encoder, upper and lower half of the decoder."""
    from torch import nn

    half, quarter = math.ceil(side / 2), math.ceil(math.ceil(side / 2) / 2)
    shape = (2 * width, quarter, quarter)
    return [
        nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(math.prod(shape), latent),
        ),
        nn.Sequential(nn.Linear(latent, math.prod(shape)), nn.ReLU(), nn.Unflatten(1, shape)),
        nn.Sequential(
            nn.Upsample((half, half)),
            nn.Conv2d(2 * width, width, 3, padding=1),
            nn.ReLU(),
            nn.Upsample((side, side)),
            nn.Conv2d(width, channels, 3, padding=1),
        ),
    ]
