"""Students: trained on a subset to prove that it is enough."""

from curation.card import Kind

KIND = Kind(
    verb="train",
    one="student",
    title="Students",
    what="trained on a subset to prove that it is enough",
    returns="a predictor: logits(view) float [m, C], and passes",
)
