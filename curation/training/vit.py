"""A small vision transformer that can leave out patches and connections, and what that saves.

From one block on (`from_layer`), where it is asked to:

    tokens      the patches the [CLS] token attends to most stay; the others become one token, their mean weighted by
                that attention
    attention   of the connections among the patches that stay, each patch keeps the strongest to others; [CLS] and the
                fused token stay connected to all

Which ones is decided in that block, image by image, in training and in prediction alike, and holds for the blocks after
it. Classes are defined inside functions: importing this file must not import torch.

Dosovitskiy et al., An Image Is Worth 16x16 Words, ICLR 2021. Liang et al., Not All Patches Are What You Need:
Expediting Vision Transformers via Token Reorganizations, ICLR 2022 (the fused token). Kong et al., Peeling the Onion,
AAAI 2023 (connections left out).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from curation.training.nets import channels_first, seeded, standardise

HEAD = 32  # numbers per head of the attention, more where the width does not divide
WIDER = 4  # the hidden layer of a block, in widths


@dataclass(frozen=True)
class Shape:
    """side: pixels of an image. keep_tokens, keep_attention: shares in (0, 1], 1 leaves out nothing."""

    side: int
    patch: int
    width: int
    depth: int
    classes: int
    keep_tokens: float = 1.0
    keep_attention: float = 1.0
    from_layer: int = 0

    @property
    def patches(self) -> int:
        return math.ceil(self.side / self.patch) ** 2

    @property
    def kept(self) -> int:
        """Patches that stay after `from_layer`."""
        return math.ceil(self.keep_tokens * self.patches)

    @property
    def connected(self) -> int:
        """Patches each of them stays connected to."""
        return math.ceil(self.keep_attention * self.kept)


def multiplications(shape: Shape) -> int:
    """Multiplications of one image going forward; backward costs twice as many.

    Connections left out are not counted, as for a kernel that skips them; ours, dense, saves no time by them.

    >>> whole = Shape(32, 4, 64, 6, 10)
    >>> fewer = Shape(32, 4, 64, 6, 10, keep_tokens=0.5, from_layer=2)
    >>> multiplications(whole), round(multiplications(fewer) / multiplications(whole), 2)
    (22611328, 0.7)
    """
    w, own = shape.width, 1 + shape.patches
    total = shape.patches * 3 * shape.patch**2 * w + w * shape.classes
    links, tokens = own * own, own
    for layer in range(shape.depth):
        total += tokens * 4 * w * w + 2 * links * w  # query, key, value and output; scores and sums
        if layer == shape.from_layer:
            fused = int(shape.kept < shape.patches)
            tokens = 1 + shape.kept + fused
            links = shape.kept * shape.connected + tokens**2 - shape.kept**2
        total += tokens * 2 * WIDER * w * w
    return total


def vit(shape: Shape, seed: int):
    """The network on uint8 [b, s, s, 3]; its `body` ends in the [CLS] token, float [b, width]."""
    import torch
    from torch import nn
    from torch.nn.functional import pad

    heads = max(h for h in range(1, max(2, shape.width // HEAD + 1)) if shape.width % h == 0)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.out = nn.Linear(shape.width, 3 * shape.width), nn.Linear(shape.width, shape.width)

        def forward(self, x, open_):
            """(out [b, t, w], attention [b, t, t], the mean over the heads). open_: bool [b, t, t]; None = all."""
            b, t, w = x.shape
            q, k, v = self.qkv(x).view(b, t, 3, heads, w // heads).permute(2, 0, 3, 1, 4)
            scores = q @ k.transpose(2, 3) * (w // heads) ** -0.5
            if open_ is not None:
                scores = scores.masked_fill(~open_[:, None], -torch.inf)
            attention = scores.softmax(dim=-1)
            return self.out((attention @ v).transpose(1, 2).reshape(b, t, w)), attention.mean(dim=1)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ModuleList(nn.LayerNorm(shape.width) for _ in range(2))
            self.attention = Attention()
            wide = WIDER * shape.width
            self.mlp = nn.Sequential(nn.Linear(shape.width, wide), nn.GELU(), nn.Linear(wide, shape.width))

        def forward(self, x, open_, choose: bool):
            out, attention = self.attention(self.norms[0](x), open_)
            x = x + out
            if choose:
                x, open_ = _fewer(x, attention, shape)
            return x + self.mlp(self.norms[1](x)), open_

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, shape.width, shape.patch, stride=shape.patch)
            self.cls = nn.Parameter(torch.zeros(1, 1, shape.width))
            self.place = nn.Parameter(0.02 * torch.randn(1, 1 + shape.patches, shape.width))
            self.blocks = nn.ModuleList(Block() for _ in range(shape.depth))
            self.norm = nn.LayerNorm(shape.width)

        def forward(self, x):
            x = pad(x, (0, -x.shape[3] % shape.patch, 0, -x.shape[2] % shape.patch))
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1) + self.place
            open_, fewer = None, shape.kept < shape.patches or shape.connected < shape.kept
            for layer, block in enumerate(self.blocks):
                x, open_ = block(x, open_, fewer and layer == shape.from_layer)
            return self.norm(x[:, 0])

    with seeded(seed):
        body = nn.Sequential(standardise(127.5, 64.0), channels_first(), Transformer())
        head = nn.Linear(shape.width, shape.classes)
    return nn.Sequential(OrderedDict(body=body, head=head))


def _fewer(x, attention, shape: Shape):
    """(tokens [b, t', w] that stay, bool [b, t', t'] what stays connected; None = all).

    x: [b, 1 + patches, w], [CLS] first. attention: [b, 1 + patches, 1 + patches].
    """
    import torch

    b, w = len(x), x.shape[2]
    asked = attention[:, 0, 1:]
    stay = asked.topk(shape.kept, dim=1).indices.sort(dim=1).values  # [b, kept], in the order of the image
    parts = [x[:, :1], x[:, 1:].gather(1, stay[:, :, None].expand(-1, -1, w))]
    if shape.kept < shape.patches:
        weight = asked.scatter(1, stay, 0.0)
        parts.append((weight[:, None] @ x[:, 1:]) / weight.sum(dim=1).clamp_min(1e-9)[:, None, None])
    tokens = torch.cat(parts, dim=1)
    if shape.connected == shape.kept:
        return tokens, None
    among = attention[:, 1:, 1:].gather(1, stay[:, :, None].expand(-1, -1, shape.patches))
    among = among.gather(2, stay[:, None].expand(-1, shape.kept, -1))
    strongest = among.topk(shape.connected, dim=2).indices
    open_ = torch.ones(b, tokens.shape[1], tokens.shape[1], dtype=torch.bool, device=x.device)
    patches = slice(1, 1 + shape.kept)
    open_[:, patches, patches] = torch.zeros_like(among, dtype=torch.bool).scatter(2, strongest, True)
    return tokens, open_
