"""Maps: where an item stands on the screen."""

from curation.card import Kind

KIND = Kind(
    verb="place",
    one="map",
    title="Maps",
    what="where an item stands on the screen",
    returns="float32 [m, 2], and perhaps notes for its card",
)
