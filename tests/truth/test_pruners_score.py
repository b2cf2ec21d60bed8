"""Pruners that stand on scores, probabilities or the student, against closed forms and plain loops."""

import numpy as np
import pytest

from curation.data.results import Dynamics, Neighbours
from curation.data.view import View
from curation.errors import InputError
from curation.methods.pruners import bws, cal, deepfool, dual_beta, slo_curves
from curation.training import nets
from curation.training.checkpoints import Network, flat
from tests import toy


def rng(seed=0):
    return np.random.default_rng(seed)


# -- DUAL with beta sampling ----------------------------------------------------------------------------------


def sure_of(confidence, score, epochs=1):
    """A view whose items are given these probabilities of their label."""
    confidence = np.asarray(confidence)
    logits = np.zeros((epochs, len(confidence), 2))
    logits[:, :, 0] = np.log(confidence / (1 - confidence))
    return View.of(
        labels=np.zeros(len(confidence), int),
        classes=["a", "b"],
        dynamics=Dynamics(logits, "train"),
        scores={"dual": score},
    )


def literal_chances(confidence, score, budget, c):
    from scipy.stats import beta

    top = np.argsort(-score)[:10]
    b = 15 * (1 - confidence[top].mean()) * (1 - (1 - budget / len(score)) ** c)
    weight = beta.pdf(confidence, 16 - b, b) * score
    return weight / weight.sum()


@pytest.mark.parametrize(("budget", "c"), [(2, 4.0), (2, 1.0), (3, 4.0)])
def test_dual_beta_draws_with_the_published_chances(budget, c):
    confidence, score = np.array([0.3, 0.6, 0.8, 0.9, 0.97]), np.array([0.4, 0.3, 0.3, 0.2, 0.1])
    view = sure_of(confidence, score)
    p = literal_chances(confidence, score, budget, c)
    drawn = np.array([dual_beta.select(view, budget, rng=rng(seed), c=c)[:2] for seed in range(6000)])
    first = np.bincount(drawn[:, 0], minlength=5) / len(drawn)
    np.testing.assert_allclose(first, p, atol=0.02)
    i, j = np.argsort(-p)[:2]
    together = p[i] * p[j] / (1 - p[i])
    assert np.mean((drawn[:, 0] == i) & (drawn[:, 1] == j)) == pytest.approx(together, abs=0.02)


def test_the_less_is_kept_the_surer_the_items():
    confidence, score = rng().uniform(0.05, 0.95, size=1000), rng(1).random(1000)
    kept = [confidence[dual_beta.select(sure_of(confidence, score), b, rng=rng())].mean() for b in (500, 100, 20)]
    assert kept[0] < kept[1] < kept[2]


def test_confidence_is_averaged_over_the_first_epochs_only():
    early, late = np.full((2, 50, 2), 0.0), rng().normal(size=(3, 50, 2))
    make = lambda logits: View.of(  # noqa: E731
        labels=np.zeros(50, int),
        classes=["a", "b"],
        dynamics=Dynamics(logits, "train"),
        scores={"dual": rng(2).random(50)},
    )
    a = dual_beta.select(make(np.concatenate([early, late])), 10, rng=rng(), epochs=2)
    b = dual_beta.select(make(np.concatenate([early, -late])), 10, rng=rng(), epochs=2)
    assert a.tolist() == b.tolist()


def test_items_without_a_score_fill_up_at_the_end():
    score = np.array([0.0, 0.5, 0.0, 0.5, 0.0])
    made = dual_beta.select(sure_of(np.full(5, 0.999999), score), 5, rng=rng())
    assert set(made[:2]) == {1, 3}


# -- BWS ------------------------------------------------------------------------------------------------------


def brute_bws(x, labels, score, budget, step, ridge):
    """Accuracy of scikit-learn's ridge on every window, hardest first: (start, accuracy)."""
    from sklearn.linear_model import Ridge

    line, n = np.argsort(-score), len(x)
    starts = sorted({*range(0, n - budget + 1, max(1, round(step * n))), n - budget})
    found = []
    for start in starts:
        rows = line[start : start + budget]
        scatter = ((x[rows] - x[rows].mean(axis=0)) ** 2).sum() / x.shape[1]
        fit = Ridge(alpha=ridge * scatter).fit(x[rows], np.eye(labels.max() + 1)[labels[rows]])
        found.append((start, (fit.predict(x).argmax(axis=1) == labels).mean()))
    return line, found


@pytest.mark.parametrize("budget", [7, 30, 61, 150, 299, 300])
@pytest.mark.parametrize("step", [0.05, 0.17])
def test_bws_takes_the_window_whose_ridge_regression_is_the_most_accurate(budget, step):
    draw = rng(4)
    labels = draw.integers(4, size=300)
    x = np.eye(4, 6)[labels] + 0.6 * draw.normal(size=(300, 6))
    score = draw.random(300)
    hard = score > 0.7
    labels[hard] = draw.integers(4, size=hard.sum())  # the hard end is noise
    view = View.of(
        labels=labels, embeddings=np.zeros((300, 2)), dynamics=Dynamics(np.zeros((1, 300, 4)), "train", x),
        scores={"forgetting": score},
    )  # fmt: skip
    line, found = brute_bws(x, labels, score, budget, step, 1e-2)
    made = bws.select(view, budget, rng=rng(), step=step, ridge=1e-2)
    start = int(np.flatnonzero(line == made[0])[0])
    assert made.tolist() == line[start : start + budget].tolist()
    best = max(accuracy for _, accuracy in found)
    assert dict(found)[start] >= best - 1 / 300 - 1e-9  # one item may fall on the other side of a float32 border
    if budget == 30:
        assert start > 0  # not the noisy end


def test_bws_reads_embeddings_where_a_brought_run_has_no_features():
    draw = rng(5)
    labels = draw.integers(3, size=120)
    x, score = np.eye(3, 5)[labels] + 0.7 * draw.normal(size=(120, 5)), draw.random(120)
    kept = [
        bws.select(
            View.of(labels=labels, embeddings=e, dynamics=Dynamics(np.zeros((1, 120, 3)), "train", f),
                    scores={"forgetting": score}),
            20, rng=rng(),
        ).tolist()
        for e, f in ((x, None), (np.zeros((120, 2)), x))
    ]  # fmt: skip
    assert kept[0] == kept[1]


# -- SLo-Curves -----------------------------------------------------------------------------------------------


def test_slo_curves_takes_the_flattest_of_every_class_as_many_of_each():
    labels, curvature = np.repeat([0, 1, 2], [50, 40, 4]), rng().random(94)
    view = View.of(labels=labels, scores={"loss_curvature": curvature})
    made = slo_curves.select(view, 24, rng=rng())
    for code, count in ((0, 10), (1, 10), (2, 4)):  # 8 each, and what the third class lacks goes to the others
        members = np.flatnonzero(labels == code)
        expected = members[np.argsort(curvature[members])][:count]
        assert made[labels[made] == code].tolist() == expected.tolist()
    by_size = slo_curves.select(view, 47, rng=rng(), share="size")
    assert np.bincount(labels[by_size]).tolist() == [25, 20, 2]


# -- CAL ------------------------------------------------------------------------------------------------------


def literal_cal(p, graph, k):
    from scipy.special import rel_entr

    total = []
    for i, row in enumerate(graph.indices[:, :k]):
        each = [(rel_entr(p[i], p[j]).sum() + rel_entr(p[j], p[i]).sum()) / 2 for j in row if j >= 0]
        total.append(np.mean(each) if each else 0.0)
    return np.array(total)


def test_cal_takes_the_highest_mean_divergence_from_the_neighbours():
    p, graph = rng().dirichlet(np.ones(4), size=80), toy.neighbours(rng(1).normal(size=(80, 3)), 20)
    view = View.of(probabilities=p, neighbours=graph)
    divergence = literal_cal(p, graph, 10)
    assert cal.select(view, 80, rng=rng()).tolist() == np.argsort(-divergence).tolist()
    assert cal.select(view, 30, rng=rng(), order="lowest").tolist() == np.argsort(divergence)[:30].tolist()


def test_cal_counts_an_item_without_neighbours_as_agreed_with():
    graph = Neighbours(np.array([[1, -1], [0, -1], [-1, -1]]), np.full((3, 2), 0.1))
    p = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    made = cal.select(View.of(probabilities=p, neighbours=graph), 3, rng=rng(), k=2)
    assert made[-1] == 2
    assert {cal.select(View.of(probabilities=p, neighbours=graph), 1, rng=rng(s), k=2).item() for s in range(20)} == {
        0,
        1,
    }


# -- DeepFool -------------------------------------------------------------------------------------------------


def network(x, hidden, classes, seed=0, spoil=0.0):
    import torch

    def build(device):
        return nets.mlp(np.zeros(x.shape[1]), np.ones(x.shape[1]), hidden, classes, seed=seed).to(device)

    net = build("cpu")
    draw = rng(seed)
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(torch.from_numpy(draw.normal(size=weight.shape)).float() * (1 - spoil))
    return Network(build, lambda rows, device: torch.tensor(x[rows], device=device), flat(net)[None], np.array([0]),
                   np.arange(len(x)))  # fmt: skip


def test_deepfool_on_a_linear_student_is_the_distance_to_the_nearest_border():
    import torch

    x = rng(1).normal(size=(70, 5)).astype(np.float32)
    student = network(x, 0, 4)
    _, rest = student.at(-1, "cpu")
    head = rest[-1]
    w, z = head.weight.numpy().astype(np.float64), rest(torch.tensor(x)).detach().numpy().astype(np.float64)
    nearest = []
    for row in z:
        own = row.argmax()
        others = [c for c in range(4) if c != own]
        nearest.append(min((row[own] - row[c]) ** 2 / ((w[own] - w[c]) ** 2).sum() for c in others))
    made = deepfool.select(View.of(network=student), 70, rng=rng(), batch=16)
    assert made.tolist() == np.argsort(nearest).tolist()


def literal_deepfool(x, logits_of, steps):
    """One input at a time, the whole Jacobian at once."""
    import torch

    x = torch.tensor(x).double()
    own, move = int(logits_of(x).argmax()), torch.zeros_like(x)
    for _ in range(steps):
        at = x + 1.02 * move
        z, slope = logits_of(at), torch.func.jacrev(logits_of)(at)
        way, gap = slope - slope[own], (z - z[own]).abs()
        others = [c for c in range(len(z)) if c != own]
        nearest = min(others, key=lambda c: float(gap[c] / way[c].norm()))
        move = move + gap[nearest] / way[nearest].norm() ** 2 * way[nearest]
        if int(logits_of(x + 1.02 * move).argmax()) != own:
            return float(move.norm()) ** 2, True
    return float(move.norm()) ** 2, False


@pytest.mark.parametrize("steps", [1, 50])
def test_deepfool_on_a_bent_student_walks_as_the_plain_loop_does(steps):
    x = rng(2).normal(size=(40, 4)).astype(np.float32)
    student = network(x, 16, 5, seed=3)
    _, rest = student.at(-1, "cpu")
    rest = rest.double()
    walked = [literal_deepfool(row, lambda v: rest(v[None])[0], steps) for row in x]
    assert 0 < sum(crossed for _, crossed in walked) < (40 if steps == 1 else 41)  # in one step some do not arrive
    expected = sorted(range(40), key=lambda i: (not walked[i][1], walked[i][0]))
    assert deepfool.select(View.of(network=student), 40, rng=rng(), steps=steps).tolist() == expected


def test_deepfool_reads_any_batch_and_only_the_likeliest_classes_alike_where_two_matter():
    x = rng(3).normal(size=(50, 4)).astype(np.float32)
    view = View.of(network=network(x, 8, 2))
    whole = deepfool.select(view, 50, rng=rng())
    assert deepfool.select(view, 50, rng=rng(), batch=7, classes=1).tolist() == whole.tolist()


def test_a_flat_student_gives_an_order_and_one_with_one_class_a_sentence():
    x = rng(4).normal(size=(12, 3)).astype(np.float32)
    assert sorted(deepfool.select(View.of(network=network(x, 0, 3, spoil=1.0)), 12, rng=rng()).tolist()) == list(
        range(12)
    )
    with pytest.raises(InputError, match="at least two classes"):
        deepfool.select(View.of(network=network(x, 0, 1)), 3, rng=rng())
