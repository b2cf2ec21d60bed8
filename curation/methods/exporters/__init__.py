"""Exporters: write what was decided."""

from curation.card import Kind

KIND = Kind(
    verb="write",
    one="exporter",
    title="Exporters",
    what="write what was decided",
    returns="the paths it wrote",
)
