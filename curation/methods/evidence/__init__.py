"""Evidence: computed once, shared by scores, flags and pruners."""

from curation.card import Kind

KIND = Kind(
    verb="gather",
    one="evidence",
    title="Evidence",
    what="computed once, shared by scores, flags and pruners",
    returns="an array of m rows, or one of the types in data/results.py",
)
