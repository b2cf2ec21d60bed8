"""Condensers: a few items, real or made, to train on instead of many."""

from curation.card import Kind

KIND = Kind(
    verb="condense",
    one="condenser",
    title="Condensers",
    what="a few items, real or made, to train on instead of many",
    returns="a Condensed: images or embeddings with labels, `per_class` of every class",
)
