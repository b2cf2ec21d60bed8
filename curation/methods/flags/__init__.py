"""Flags: which items look wrong, and what would be right."""

from curation.card import Kind

KIND = Kind(
    verb="flag",
    one="flag",
    title="Flags",
    what="which items look wrong, and what would be right",
    returns="Flags",
)
