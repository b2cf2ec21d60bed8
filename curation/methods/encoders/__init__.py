"""Encoders: turn every item into a vector."""

from curation.card import Kind

KIND = Kind(
    verb="encode",
    one="encoder",
    title="Encoders",
    what="turn every item into a vector",
    returns="float32 [m, d], or a network that is run over the images",
)
