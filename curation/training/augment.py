"""Augmentation of whole batches at once, on whatever device they lie on."""

from __future__ import annotations


def crop_flip(batch, generator, *, flip: bool = True):
    """Shift every image by up to an eighth of its side, mirrored at the borders, and turn half of them left-right.

    batch: [b, s, s, 3]; the same shape and type comes back. One gather: the shifted, reflected and flipped picture
    is just the old one read at other coordinates, so nothing is padded.
    """
    import torch

    b, side = batch.shape[:2]
    reach, device = side // 8, batch.device
    shift = torch.randint(-reach, reach + 1, (2, b, 1), generator=generator, device=device)
    at = shift + torch.arange(side, device=device)  # [2, b, s]: where each output row and column is read from
    rows, columns = side - 1 - (side - 1 - at.abs()).abs()
    if flip:
        turned = torch.rand(b, 1, generator=generator, device=device) < 0.5
        columns = torch.where(turned, side - 1 - columns, columns)
    image = torch.arange(b, device=device)
    return batch[image[:, None, None], rows[:, :, None], columns[:, None, :]]
