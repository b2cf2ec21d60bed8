"""The networks students are made of. Each is a `body` that ends in features and a linear `head` that ends in logits.

Built on the CPU from a seed of its own, so that no global random state is read or left changed, then moved.
Classes are defined inside functions: importing this file must not import torch.
"""

from __future__ import annotations

from collections import OrderedDict


def mlp(mean, scale, hidden: int, classes: int, seed: int):
    """Softmax regression (hidden = 0, from zero weights) or one ReLU layer of `hidden` units. Input [b, d]."""
    import torch
    from torch import nn

    with _seeded(seed):
        body = [_standardise(mean, scale)]
        if hidden:
            body += [nn.Linear(len(mean), hidden), nn.ReLU()]
        head = nn.Linear(hidden or len(mean), classes)
    if not hidden:  # convex: one optimum, so no reason to start anywhere but in the middle
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    return nn.Sequential(OrderedDict(body=nn.Sequential(*body), head=head))


def resnet(width: int, classes: int, seed: int):
    """Nine convolutions on uint8 [b, s, s, 3], any s >= 8; `width` channels at full size, 8 * width in the end."""
    from torch import nn

    class ChannelsFirst(nn.Module):
        def forward(self, x):
            return x.permute(0, 3, 1, 2)  # of a channels-last array: the memory format convolutions like best

    class Residual(nn.Module):
        def __init__(self, *layers):
            super().__init__()
            self.layers = nn.Sequential(*layers)

        def forward(self, x):
            return x + self.layers(x)

    def conv(a: int, b: int):
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())

    with _seeded(seed):
        body = nn.Sequential(
            _standardise(127.5, 64.0),
            ChannelsFirst(),
            conv(3, width),
            conv(width, 2 * width),
            nn.MaxPool2d(2),
            Residual(conv(2 * width, 2 * width), conv(2 * width, 2 * width)),
            conv(2 * width, 4 * width),
            nn.MaxPool2d(2),
            conv(4 * width, 8 * width),
            nn.MaxPool2d(2),
            Residual(conv(8 * width, 8 * width), conv(8 * width, 8 * width)),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        head = nn.Linear(8 * width, classes)
    return nn.Sequential(OrderedDict(body=body, head=head))


def _standardise(mean, scale):
    """(x - mean) / scale along the last axis: embeddings [b, d] and pixels [b, s, s, 3] alike."""
    import torch
    from torch import nn

    class Standardise(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
            self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))

        def forward(self, x):
            return (x.float() - self.mean) / self.scale

    return Standardise()


class _seeded:
    """Inside, torch's CPU generator starts from a seed; outside, it is as it was."""

    def __init__(self, seed: int):
        self.seed = seed

    def __enter__(self):
        import torch

        self.before = torch.random.get_rng_state()
        torch.random.default_generator.manual_seed(self.seed)

    def __exit__(self, *_):
        import torch

        torch.random.set_rng_state(self.before)
