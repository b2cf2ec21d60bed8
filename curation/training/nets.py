"""The networks students are made of. Each is a `body` that ends in features and a linear `head` that ends in logits.

Built on the CPU from a seed of its own, so that no global random state is read or left changed, then moved.
Classes are defined inside functions: importing this file must not import torch.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

from curation.errors import InputError

# Mean and spread of red, green and blue over ImageNet, of 0..255: what most published networks expect.
PHOTOGRAPHS = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def mlp(mean, scale, hidden: int, classes: int, seed: int):
    """Softmax regression (hidden = 0, from zero weights) or one ReLU layer of `hidden` units. Input [b, d]."""
    import torch
    from torch import nn

    with seeded(seed):
        body = [standardise(mean, scale)]
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

    class Residual(nn.Module):
        def __init__(self, *layers):
            super().__init__()
            self.layers = nn.Sequential(*layers)

        def forward(self, x):
            return x + self.layers(x)

    def conv(a: int, b: int):
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())

    with seeded(seed):
        body = nn.Sequential(
            standardise(127.5, 64.0),
            channels_first(),
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


def convnet(side: int, width: int, depth: int, classes: int, seed: int, *, channels: int = 3, published: bool = False):
    """The ConvNet of the condensation papers: `depth` x (3 x 3 convolution, instance norm, ReLU, halving), linear head.

    Takes standardised float [b, channels, s, s] with s = side >= 4. depth: 0 halves until 4 pixels a side are left.
    published: halves after the ReLU, as the papers do; by default right after the convolution, where the two are one
    convolution with an averaged kernel: a step costs 3 to 4 times less (measured, width 32, 32 pixels, one core).
    """
    from torch import nn

    depth = depth or max(1, round(math.log2(side / 4)))
    with seeded(seed):
        layers, seen = [], channels
        for _ in range(depth):
            norm = nn.GroupNorm(width, width)
            if published:
                layers += [nn.Conv2d(seen, width, 3, padding=1), norm, nn.ReLU(), nn.AvgPool2d(2)]
            else:
                layers += [halving(seen, width), norm, nn.ReLU()]
            seen, side = width, side // 2
        head = nn.Linear(width * side * side, classes)
    return nn.Sequential(OrderedDict(body=nn.Sequential(*layers, nn.Flatten()), head=head))


def halving(seen: int, width: int):
    """A 3 x 3 convolution and the average of 2 x 2 of its outputs, as one 4 x 4 convolution of stride 2."""
    from torch import nn
    from torch.nn.functional import avg_pool2d, conv2d, pad

    class Halving(nn.Conv2d):
        def forward(self, x):
            kernel = avg_pool2d(pad(self.weight, (1, 1, 1, 1)), 2, stride=1)
            return conv2d(x, kernel, self.bias, stride=2, padding=1)

    return Halving(seen, width, 3)


def pixel_mlp(side: int, hidden: int, classes: int, seed: int):
    """Two ReLU layers of `hidden` units on all numbers of standardised float [b, 3, s, s]."""
    from torch import nn

    with seeded(seed):
        body = [nn.Flatten(), nn.Linear(3 * side * side, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]
        head = nn.Linear(hidden, classes)
    return nn.Sequential(OrderedDict(body=nn.Sequential(*body), head=head))


def on_pixels(net):
    """The same network on pixels [b, s, s, 3] in 0..255 instead of standardised [b, 3, s, s]."""
    net.body.insert(0, channels_first())
    net.body.insert(0, standardise(127.5, 64.0))
    return net


def imagenet_resnet(depth: Literal[18, 50], stem: Literal["small", "large"], classes: int, seed: int):
    """torchvision's ResNet on uint8 [b, s, s, 3], 512 or 2048 features.

    stem: "large" is the published one for 224 pixels, a 7 x 7 convolution and a pooling that leave a quarter of each
    side; "small" is that of He et al. for 32 pixels, one 3 x 3 convolution that leaves every pixel.
    """
    from torch import nn
    from torchvision import models

    with seeded(seed):
        net = {18: models.resnet18, 50: models.resnet50}[depth](weights=None, num_classes=classes)
        if stem == "small":
            net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
            net.maxpool = nn.Identity()
    layers = dict(net.named_children())
    head = layers.pop("fc")
    body = nn.Sequential(standardise(*PHOTOGRAPHS), channels_first(), *layers.values(), nn.Flatten())
    return nn.Sequential(OrderedDict(body=body, head=head))


def own(build: Callable, standard: tuple, pixels: bool, seed: int):
    """A person's network behind our standardisation: `build()` -> nn.Module. Its features are its logits, as nobody
    knows what its last layer sees. standard: mean and scale of the last axis of its inputs."""
    from torch import nn

    with seeded(seed):
        net = build()
    first = [standardise(*standard)] + ([channels_first(contiguous=True)] if pixels else [])
    return nn.Sequential(OrderedDict(body=nn.Sequential(*first, net), head=nn.Identity()))


def statistics(inputs) -> tuple:
    """Mean [d] of embeddings [m, d], and one scale [d] for all columns: dividing each by its own spread would blow up
    those that carry little (measured on patch features of 500 items: 31 % right, against 43 % with one scale)."""
    import torch

    var, mean = torch.var_mean(inputs, dim=0, correction=0)
    if not torch.isfinite(var).all():
        raise InputError("the embeddings hold NaN or infinite values; no student can be trained on them, encode again")
    scale = var.mean().sqrt()
    return mean, torch.full_like(mean, scale if scale > 0 else 1.0)


def channels_first(contiguous: bool = False):
    """[b, s, s, 3] -> [b, 3, s, s], in the memory format convolutions like best, or in the one `view` insists on."""
    from torch import nn

    class ChannelsFirst(nn.Module):
        def forward(self, x):
            x = x.permute(0, 3, 1, 2)
            return x.contiguous() if contiguous else x

    return ChannelsFirst()


def standardise(mean, scale):
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


class seeded:
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
