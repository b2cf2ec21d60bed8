"""Scores: one number per item; higher = harder, always."""

from curation.card import Kind

KIND = Kind(
    verb="score",
    one="score",
    title="Scores",
    what="one number per item; higher = harder, always",
    returns="float64 [m]",
)
