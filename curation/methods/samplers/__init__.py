"""Samplers: which items to train on in each epoch."""

from curation.card import Kind

KIND = Kind(
    verb="schedule",
    one="sampler",
    title="Samplers",
    what="which items to train on in each epoch",
    returns="a Sampler: rows and weights of every epoch; see `curation.sampler`",
)
