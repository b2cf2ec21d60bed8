"""Pruners: which items to keep, in which order."""

from curation.card import Kind

KIND = Kind(
    verb="select",
    one="pruner",
    title="Pruners",
    what="which items to keep, in which order",
    returns="int64 [budget] positions in the order taken, or a Selection with weights",
)
