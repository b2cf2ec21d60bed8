"""Queries: which items to have labelled next, in which order."""

from curation.card import Kind

KIND = Kind(
    verb="query",
    one="query",
    title="Queries",
    what="which items to have labelled next, in which order",
    returns="int64 [budget] positions in the order to ask",
)
