"""One small data set with everything a method may ask for: 90 items in 3 blobs, 9 of them planted mistakes.

Made by plain numpy, a loop where a loop is clearer, so that nothing here leans on the code it is used to test.
Rows 0 and 1 are exact copies of each other, so are rows 2 and 3; their labels agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from curation.data.chat.conversation import Conversation, Turn
from curation.data.contents import Images
from curation.data.items import make_items
from curation.data.results import Dynamics, Factors, Neighbours
from curation.data.view import View
from curation.training.checkpoints import Network
from curation.training.student import Predictor

N, CLASSES, EPOCHS, K = 90, 3, 6, 20
TRUTH = np.arange(N) // 2 % CLASSES  # copies share a class
MISTAKES = np.arange(10, N, 9)


def arrays(seed: int = 0) -> dict:
    """Need -> array, for `View.of`."""
    rng = np.random.default_rng(seed)
    centres = 3.0 * np.eye(CLASSES, 6)
    x = (centres[TRUTH] + 0.5 * rng.normal(size=(N, 6))).astype(np.float32)
    x[1], x[3] = x[0], x[2]
    groups = np.arange(N)
    groups[1], groups[3] = 0, 2
    labels = TRUTH.copy()
    labels[MISTAKES] = (TRUTH[MISTAKES] + 1) % CLASSES
    lean = 2.0 * np.eye(CLASSES)[TRUTH] + 0.3 * rng.normal(size=(N, CLASSES))
    learnt = np.linspace(0.2, 1.5, EPOCHS)[:, None, None]
    logits = (learnt * lean + 0.1 * rng.normal(size=(EPOCHS, N, CLASSES))).astype(np.float32)
    pixels = np.clip(128 + 40 * rng.normal(size=(N, 8, 8, 3)), 0, 255).astype(np.uint8)
    return {
        "ids": np.array([f"item {i}" for i in range(N)], dtype=object),
        "labels": labels,
        "groups": groups,
        "copies": groups,
        "embeddings": x,
        "features": x.astype(np.float64),
        "pixels": pixels,
        "images": images(pixels),
        "chats": chats(),
        "texts": [chat.text for chat in chats()],
        "responses": [chat.response for chat in chats()],
        "neighbours": neighbours(x, K),
        "probabilities": softmax(lean),
        "in_fold": softmax(lean + 2.0 * np.eye(CLASSES)[labels]),  # who trained on an item believes its label more
        "text_embeddings": captions(labels),
        "class_embeddings": np.eye(CLASSES, 6, dtype=np.float32),
        "text_encoder": Letters(),
        "second_opinion": softmax(2.0 * lean),  # surer: its students were taught without the mistakes
        "dynamics": Dynamics(logits, "train", x[:, :4].copy()),
        "network": network(x),
        "factors": factors(x),
    }


def images(pixels: np.ndarray) -> Images:
    items = make_items(ids=[f"item {i}" for i in range(N)], labels=["?"] * N, splits=["train"] * N, images=pixels)
    return Images(items, np.arange(N))


@dataclass(frozen=True)
class Letters:
    """An encoder of texts into the six numbers of the embeddings: how often each of six letters occurs."""

    def __call__(self, texts: list[str]) -> np.ndarray:
        return np.array([[text.count(letter) for letter in "aeiost"] for text in texts], np.float32)


def captions(labels: np.ndarray) -> np.ndarray:
    """A caption for every item that says its label, in the space of the embeddings: those of mistakes fit another."""
    noise = np.random.default_rng(9).normal(size=(N, 6))
    noise[1], noise[3] = noise[0], noise[2]
    return (3.0 * np.eye(CLASSES, 6)[labels] + 0.2 * noise).astype(np.float32)


def chats() -> list[Conversation]:
    """A question and an answer of a few words each; rows 0 and 1 are equal, so are rows 2 and 3."""
    words = ["the", "cat", "dog", "sat", "ran", "on", "mat", "say", "hello", "yes", "no"]
    made = []
    for i in range(N):
        i = i // 2 * 2 if i < 4 else i
        said = [words[(i * 7 + k * k) % len(words)] for k in range(4 + i % 5)]
        made.append(Conversation((Turn("user", f"say {words[i % 11]} {i} ?"), Turn("assistant", " ".join(said) + "."))))
    return made


def student(view: View, *, record=None, **_) -> Predictor:
    """The nearest class mean. In the first of two epochs, for whoever records, it is half as sure as in the second."""
    x, labels, far = view.embeddings.astype(np.float64), view.labels, np.full(view.embeddings.shape[1], 100.0)
    means = np.stack([x[labels == c].mean(axis=0) if (labels == c).any() else far for c in range(len(view.classes))])

    def logits(other: View, sure: float = 1.0) -> np.ndarray:
        return (-sure * ((other.embeddings[:, None] - means) ** 2).sum(axis=2)).astype(np.float32)

    for sure in (0.5, 1.0) if record is not None else ():
        record.batch(np.arange(len(view)), logits(view, sure))
        record.epoch(lambda sure=sure: logits(view, sure))
    return Predictor(logits, lambda other: other.embeddings, 2 * len(view))


def factors(x: np.ndarray) -> Factors:
    """The two strongest of the axes, of either sign, stand for the factors of every row."""
    signed = np.maximum(np.concatenate([x, -x], axis=1), 0)
    indices = np.argsort(-signed, axis=1, kind="stable")[:, :2]
    values = np.take_along_axis(signed, indices, axis=1)
    return Factors(indices.astype(np.int16), values.astype(np.float16), signed.shape[1], 0.9)


def network(x: np.ndarray) -> Network:
    """Softmax regression on x at three checkpoints, ever surer; it goes by the truth, not by the planted labels."""
    from curation.training import nets

    d = x.shape[1]
    # the state of nets.mlp in order: mean, scale, head.weight, head.bias
    weights = [np.concatenate([np.zeros(d), np.ones(d), sure * np.eye(CLASSES, d).ravel(), np.zeros(CLASSES)])
               for sure in (0.2, 0.5, 1.0)]  # fmt: skip

    def load(positions: np.ndarray, device: str):
        import torch

        return torch.tensor(x[positions], device=device)

    def build(device: str):
        return nets.mlp(np.zeros(d), np.ones(d), 0, CLASSES, seed=0).to(device)

    return Network(build, load, np.array(weights, np.float32), np.array([0, 2, 5]), np.arange(len(x)))


def view(needs: tuple[str, ...] | None = None, scores: Iterable[str] | Mapping = ("aum",), **changed) -> View:
    """A View of the toy data that refuses what is not in `needs`; `changed` replaces arrays. Whichever student is asked
    for is the two-line one of this file."""
    drawn = {name: np.random.default_rng(i).normal(size=N) for i, name in enumerate(scores)}
    table = scores if isinstance(scores, Mapping) else drawn
    given = arrays() | changed
    return View.of(
        needs=needs,
        scores=table,
        students=defaultdict(lambda: student),
        classes=[str(c) for c in range(CLASSES)],
        **given,
    )


def neighbours(x: np.ndarray, k: int) -> Neighbours:
    """Cosine neighbours by sorting every row of the full distance matrix; padded where there are fewer than k."""
    x = x.astype(np.float64)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    x = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    distance = np.maximum(1.0 - x @ x.T, 0.0)
    np.fill_diagonal(distance, np.inf)
    k_there = min(k, len(x) - 1)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k_there]
    indices = np.full((len(x), k), -1, np.int32)
    distances = np.full((len(x), k), np.inf, np.float32)
    indices[:, :k_there], distances[:, :k_there] = order, np.take_along_axis(distance, order, 1)
    return Neighbours(indices, distances)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
