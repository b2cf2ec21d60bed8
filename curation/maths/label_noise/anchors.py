"""Is this label wrong? The label-noise model, anchored where the opinions are surest.

Opinions of the true class (students, neighbours) are too sure when they are multiplied, and they confuse classes
themselves. Fitted to them alone, a noise model takes their confusions for wrong labels and finds mistakes in clean
data. What tells the two apart is how the disagreement with the given labels depends on how sure the opinions are:
their own errors are rare where they are sure, wrong labels are not.

1. Two things are fitted to the given labels in turn until they settle: the power that softens the opinions (the
   temperature) by maximum likelihood, and the confusions of the labels by expectation maximisation (`noise`). Of more
   than 200,000 items, these are fitted to 200,000 drawn from a fixed seed.
2. How common mistakes are is read off the *anchors*, the fifth of the items with the surest opinions: the share of
   unexpected labels there, less the errors that the opinions expect of themselves.
3. Mistakes at the anchors are of two kinds. Slips have nothing to do with what the item looks like: they fall on the
   least plausible classes as often as on any other, which is how they are counted, and are as common everywhere. The
   rest are mix-ups of classes that look alike. People mix up items that are hard to tell, which anchors are not, so
   these are taken to be `_BEYOND` times as common among all items.
4. Upper limits: the rate at the anchors, or, where it is larger, the rate that is fitted to the opinions as they are.
   Softened opinions explain mix-ups by their own doubt; unsoftened ones call all of their own confusions mistakes.
5. The confusions are scaled to this rate, the temperature is fitted to them, and Bayes' rule makes probabilities of
   both. They are calibrated, but a softened opinion ranks less well than a sharp one: so the sharp one decides the
   order, and the probabilities are dealt out in this order.

Anchor points: Liu & Tao, Classification with Noisy Labels by Importance Reweighting, TPAMI 2016; Patrini, Rozza,
Menon, Nock & Qu, Making Deep Neural Networks Robust to Label Noise, CVPR 2017. The temperature: Guo, Pleiss, Sun &
Weinberger, On Calibration of Modern Neural Networks, ICML 2017. The combination is Winnow's own. `_ANCHORS` and
`_BEYOND` were chosen with CIFAR-10 and its human labels in sight; docs/mislabels.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.maths.arrays import blocks
from curation.maths.label_noise.noise import bayes, confusions
from curation.maths.label_noise.small_classes import too_small
from curation.maths.label_noise.votes import distinct

SURE = 0.5  # of a label being wrong: the border between leaving an item and taking it out
_ANCHORS = 0.2  # share of the items with the surest opinions
_BEYOND = 5.5  # how many times as common mix-ups are as at the anchors
_ROUNDS, _SETTLED = 30, 3e-3  # of the temperature
_SOFTEST = 0.05
_FITTED = 200_000  # items that temperature and confusions are fitted to; the anchors are those of all items


@dataclass(frozen=True)
class Judgement:
    """What is thought of n given labels.

    wrong: float64 [n], the probability that the label is wrong. likely: int64 [n], the most probable true class.
    unjudged: int64, codes of classes too small to judge, whose items get the rate of all others.
    temperature: the power the opinions were softened to. mixing: float64 [C, C], p(given | true).
    """

    wrong: np.ndarray
    likely: np.ndarray
    unjudged: np.ndarray
    temperature: float
    mixing: np.ndarray


def judge(opinion: np.ndarray, labels: np.ndarray, groups: np.ndarray, copies: np.ndarray) -> Judgement:
    """opinion: float64 [n, C] p(true class | item), formed without the item's own label, rows sum to 1; n > 0.
    labels: int [n]. groups: int [n], equal numbers = not independent. copies: int [n], equal numbers = equal content;
    those with one label count once. Time n * C, and 3,000 times min(n, 200,000) * C; memory a few times the latter.

    >>> opinion = np.array([[0.99, 0.01]] * 20 + [[0.01, 0.99]] * 20)
    >>> labels = np.repeat([0, 1], 20)
    >>> labels[0] = 1
    >>> found = judge(opinion, labels, np.arange(40), np.arange(40))
    >>> np.flatnonzero(found.wrong > SURE).tolist(), int(found.likely[0])
    ([0], 0)
    """
    temperature, mixing = _anchored(*_each_once(opinion, labels, copies))
    calibrated, odds, likely = np.empty(len(labels)), np.empty(len(labels)), np.empty(len(labels), np.int64)
    for part in blocks(*opinion.shape):
        given = labels[part]
        after = bayes(_softened(opinion[part], temperature), given, mixing)
        calibrated[part] = np.clip(1.0 - after[np.arange(len(given)), given], 0.0, 1.0)
        odds[part], likely[part] = _odds(opinion[part], given, mixing), after.argmax(axis=1)
    wrong = _dealt_out(calibrated, odds)
    unjudged = too_small(opinion, labels, groups)
    out = np.isin(labels, unjudged)
    wrong[out] = min(wrong[~out].mean(), SURE) if not out.all() else 0.0
    return Judgement(wrong, likely, unjudged, temperature, mixing)


def _some(opinion: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As many of the items as the model is fitted to."""
    if len(labels) <= _FITTED:
        return opinion, labels
    chosen = np.sort(np.random.default_rng(0).choice(len(labels), _FITTED, replace=False))
    return opinion[chosen], labels[chosen]


def _each_once(opinion: np.ndarray, labels: np.ndarray, copies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Opinions and labels of different items: copies with one label become one, with their mean opinion."""
    if len(distinct(labels, copies)) == len(labels):
        return opinion, labels
    kinds, of, count = np.unique(np.stack([labels, copies]), axis=1, return_inverse=True, return_counts=True)
    mean = np.zeros((len(count), opinion.shape[1]))
    np.add.at(mean, of, opinion)
    mean /= count[:, None]
    return mean, kinds[0]


def _anchored(opinion: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """(temperature in (0, 1], float64 [C, C] p(given | true)), scaled to the rate of mistakes at the anchors."""
    some, given = _some(opinion, labels)
    as_they_are = confusions(some, given)
    temperature, mixing = _fitted(some, given, as_they_are)
    surest = np.concatenate([_softened(opinion[part], temperature).max(axis=1) for part in blocks(*opinion.shape)])
    anchors = surest >= np.quantile(surest, 1 - _ANCHORS, method="lower")
    seen, slips = _mistakes(_softened(opinion[anchors], temperature), labels[anchors])
    # Half a mistake is the least that can be seen; with none at all nothing could be ranked.
    rate = max(slips + _BEYOND * (seen - slips), 0.5 / anchors.sum())
    rate = min(rate, max(seen, _rate(as_they_are, some)))
    off = mixing * (1 - np.eye(len(mixing)))
    most = 0.5 / np.maximum(off.sum(axis=1), 1e-12)  # labels of a class stay right in the majority
    off *= np.minimum(rate / max(_rate(mixing, _softened(some, temperature)), 1e-12), np.maximum(most, 1))[:, None]
    mixing = off + np.diag(1 - off.sum(axis=1))
    return (_temperature(some, given, mixing) if temperature < 1 else 1.0), mixing


def _fitted(opinion: np.ndarray, labels: np.ndarray, as_they_are: np.ndarray) -> tuple[float, np.ndarray]:
    """The temperature and the confusions that make the given labels most likely; those of the opinions as they are,
    where the gain is not worth a parameter (Bayesian information criterion)."""
    temperature, mixing = 1.0, as_they_are
    for _ in range(_ROUNDS):
        before, temperature = temperature, _temperature(opinion, labels, mixing)
        mixing = confusions(_softened(opinion, temperature), labels)
        if abs(temperature - before) < _SETTLED:
            break
    gain = _surprise(opinion, labels, as_they_are, 1.0) - _surprise(opinion, labels, mixing, temperature)
    return (temperature, mixing) if gain > np.log(len(labels)) / 2 else (1.0, as_they_are)


def _rate(mixing: np.ndarray, opinion: np.ndarray) -> float:
    """The share of wrong labels that confusions mean for these items."""
    return float(1 - np.diag(mixing) @ opinion.mean(axis=0))


def _mistakes(opinion: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(share of mistakes among the anchors, of which slips); below 0 where there are fewer than the opinions expect."""
    n, c = opinion.shape
    doubt = (1 - opinion.max(axis=1)).mean()
    # A mistake shows where the opinion is right, and hides one in c - 1 of its errors.
    shows = max(1 - doubt * c / max(c - 1, 1), 0.5)
    seen = ((opinion.argmax(axis=1) != labels).mean() - doubt) / shows
    least = (c - 1) // 2  # the less plausible half of the other classes; of two classes there is none
    if not least or seen <= 0:
        return seen, 0.0
    own = opinion[np.arange(n), labels][:, None]
    below, equal = (opinion < own).sum(axis=1), (opinion == own).sum(axis=1)
    among = np.clip((least - below) / equal, 0, 1).mean()  # equal ones are in any order
    among -= np.partition(opinion, least - 1, axis=1)[:, :least].sum(axis=1).mean()
    return seen, float(np.clip(among * (c - 1) / least, 0, seen))


def _temperature(opinion: np.ndarray, labels: np.ndarray, mixing: np.ndarray) -> float:
    """The power in (0, 1] that makes the given labels most likely under these confusions."""
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(
        lambda power: _surprise(opinion, labels, mixing, power),
        bounds=(_SOFTEST, 1.0),
        method="bounded",
        options={"xatol": _SETTLED / 3},
    )
    return round(float(best.x), 3)  # so that the order in which items are added up decides nothing


def _surprise(opinion: np.ndarray, labels: np.ndarray, mixing: np.ndarray, power: float) -> float:
    """Minus the log-likelihood of the given labels."""
    total = 0.0
    for part in blocks(*opinion.shape):
        given = (_softened(opinion[part], power) * mixing[:, labels[part]].T).sum(axis=1)
        total -= np.log(given + 1e-12).sum()
    return total


def _softened(opinion: np.ndarray, power: float) -> np.ndarray:
    """float64 [n, C]: opinions to a power, rows sum to 1 (or stay 0)."""
    made = np.power(opinion, power)
    total = made.sum(axis=1, keepdims=True)
    return np.divide(made, total, out=np.zeros_like(made), where=total > 0)


def _odds(opinion: np.ndarray, labels: np.ndarray, mixing: np.ndarray) -> np.ndarray:
    """float64 [n]: how many times more probable all other classes together are than the given one."""
    joint = opinion * mixing[:, labels].T
    each = np.arange(len(labels))
    own = joint[each, labels].copy()
    joint[each, labels] = 0.0
    return joint.sum(axis=1) / np.maximum(own, np.finfo(np.float64).tiny)


def _dealt_out(values: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """float64 [n]: the same values, the largest where `rank` is largest; equal ranks share.

    >>> _dealt_out(np.array([0.1, 0.9, 0.5]), np.array([3.0, 2.0, 2.0])).tolist()
    [0.9, 0.3, 0.3]
    """
    _, place, count = np.unique(rank, return_inverse=True, return_counts=True)
    ends = count.cumsum()
    total = np.append(0.0, np.sort(values).cumsum())
    return np.clip((total[ends] - total[ends - count]) / count, 0.0, 1.0)[place]
