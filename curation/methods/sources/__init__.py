"""Sources: read a dataset: items, labels, splits."""

from curation.card import Kind

KIND = Kind(
    verb="read",
    one="source",
    title="Sources",
    what="read a dataset: items, labels, splits",
    returns="Items",
)
