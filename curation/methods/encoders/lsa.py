"""LSA: latent semantic analysis, the strongest directions of TF-IDF counts of words, word pairs and letters.

Texts that use the same words, or words of the same stem, lie close together. Learned from the data set's own texts,
held-out ones aside, so it needs no weights and works offline, in any language and for any jargon; languages without
blanks between words are read by their letters. Blind to synonyms that never occur in like company, and to the order of
words beyond pairs; a sentence encoder knows far more about what a text means.

A log-scaled TF-IDF of words and word pairs stands beside one of 3 to 5 letters within words; both have length one. A
randomised SVD keeps the strongest directions. Fitted on at most 20,000 texts, labelled or not, drawn at random from
those that are not held out.

Deerwester, Dumais, Furnas, Landauer & Harshman, Indexing by Latent Semantic Analysis, JASIS 1990; Halko, Martinsson &
Tropp, Finding Structure with Randomness, SIAM Review 2011.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.training.embed_texts import READ, TextEncoder

CARD = Card(
    title="LSA (TF-IDF)",
    cost="n * length time; 100,000 short texts take about a minute on 2 cores",
    blind_to="synonyms, and word order beyond pairs",
    needs=("texts",),
    paper="https://doi.org/10.1002/(SICI)1097-4571(199009)41:6%3C391::AID-ASI1%3E3.0.CO;2-9",
    tags=("texts", "label-free", "offline"),
    rows="all",
    pace=(0.001, 0.001),
    rank=2,
    version=2,
    why="It works offline and in any language: it learns from the words of these texts.",
)

SAMPLE = 20_000  # texts it is fitted on
TERMS = 60_000  # of words, and as many of letters: the most frequent ones
FEW = 200  # texts below which a term need not be seen twice
FILE = "lsa.npz"


def encode(
    view: View,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None],
    into: Path | None = None,
    dim: Annotated[int, Field(ge=2, le=1024, description="Numbers per text: the strongest directions kept.")] = 256,
) -> TextEncoder:
    """Encoder to [m, at most dim], rows of length one; zeros for a text that shares no term with the fitted ones.

    What was fitted is kept in `into`, to embed a query with later.

    >>> texts = ["pay by card", "lost my card", "pay by phone", "new phone"]
    >>> encoder = encode(View.of(texts=texts), rng=np.random.default_rng(0), progress=lambda *_: None, dim=2)
    >>> encoder(["my card", "日本"]).round(2).tolist()[1]
    [0.0, 0.0]
    """
    if into is not None and (into / FILE).exists():
        return _encoder(_Lsa.load(into / FILE), {})
    pool = view.pool
    sample = np.sort(rng.choice(pool, min(SAMPLE, len(pool)), replace=False))
    progress(0, 3, "counting words")
    learned = _Lsa.fit([text[:READ] for text in view.subset(sample).texts], dim, rng, progress)
    if into is not None:
        learned.save(into / FILE)
    return _encoder(learned, {"terms": len(learned.components), "fitted_on": len(sample)})


def _encoder(learned: _Lsa, notes: dict[str, Any]) -> TextEncoder:
    return TextEncoder(learned.components.shape[1], learned, batch=1024, notes=notes)


class _Lsa:
    """Texts -> float32 [b, d].

    vocabularies: of words and of letters, term -> column. weights: their inverse document frequencies. components:
    float16 [terms, d]; half precision is stored and used, so that what is loaded answers as what was fitted.
    """

    def __init__(self, vocabularies: list[dict[str, int]], weights: list[np.ndarray], components: np.ndarray):
        self.vocabularies, self.weights, self.components = vocabularies, weights, components
        self._counters = [_counter(i, vocabulary=terms) for i, terms in enumerate(vocabularies)]
        for counter, weight in zip(self._counters, weights, strict=True):
            counter.idf_ = weight
        self._dense = components.astype(np.float32)

    @classmethod
    def fit(cls, texts: list[str], dim: int, rng: np.random.Generator, progress: Callable[..., None]) -> _Lsa:
        from scipy.sparse import hstack
        from sklearn.utils.extmath import randomized_svd

        counters = [_counter(i, min_df=low if len(texts) >= FEW else 1) for i, low in enumerate((2, 3))]
        try:
            counts = [counter.fit_transform(texts) for counter in counters]
        except ValueError:  # no term is left
            raise InputError("the texts have no words that LSA could learn from; choose another encoder") from None
        progress(1, 3, "finding directions")
        whole = hstack(counts, format="csr")
        seed = int(rng.integers(2**31))
        _, _, directions = randomized_svd(whole, min(dim, *whole.shape), random_state=seed)  # signs are made definite
        progress(2, 3, "finding directions")
        vocabularies = [dict(counter.vocabulary_) for counter in counters]
        return cls(vocabularies, [counter.idf_ for counter in counters], directions.T.astype(np.float16))

    def __call__(self, texts: list[str]) -> np.ndarray:
        from scipy.sparse import hstack

        made = hstack([counter.transform(texts) for counter in self._counters], format="csr") @ self._dense
        return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)

    def save(self, file: Path) -> None:
        terms = [sorted(terms, key=terms.get) for terms in self.vocabularies]
        said = np.frombuffer(json.dumps(terms).encode(), np.uint8)
        words, letters = self.weights
        np.savez(file, terms=said, words=words, letters=letters, components=self.components)

    @classmethod
    def load(cls, file: Path) -> _Lsa:
        with np.load(file, allow_pickle=False) as found:
            terms: list[Iterable[str]] = json.loads(found["terms"].tobytes())
            vocabularies = [{term: i for i, term in enumerate(names)} for names in terms]
            return cls(vocabularies, [found["words"], found["letters"]], found["components"])


def _counter(which: int, **more: Any):
    """0: words and pairs of them; 1: 3 to 5 letters within words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    terms = {} if "vocabulary" in more else {"max_features": TERMS}
    how = {"ngram_range": (1, 2)} if which == 0 else {"analyzer": "char_wb", "ngram_range": (3, 5)}
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **how, **terms, **more)
