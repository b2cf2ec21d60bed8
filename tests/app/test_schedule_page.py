"""The schedule page, and the words it finds for the numbers."""

import tomllib

import numpy as np
import pytest

from curation.data.results import Factors
from curation.engine.recipe import load_recipe, parse_recipe
from curation.engine.run import run
from curation.engine.stage import analysis
from curation.engine.trials import failures
from curation.maths.uncertainty import difference
from curation.ui.schedule import comparison, factors, figures, snippet, trained

CLEAR, LEVEL, FULL = [0.930, 0.944, 0.937, 0.941], [0.90, 0.91, 0.905, 0.912], [0.93, 0.94, 0.935, 0.945]


def runs(**accuracy):
    """sampler -> accuracies by seed, all at 50 % but full, of three epochs each; odd passes are no accident."""
    made = []
    for sampler, values in accuracy.items():
        whole = sampler == "full"
        for seed, value in enumerate(values):
            passes = 300.0 if whole else 150.0
            taken = {"rs2": 0.2, "full": 0.2}.get(sampler, 0.05)
            made.append(
                {
                    "sampler": sampler, "keep": 1.0 if whole else 0.5, "seed": seed, "student": "head", "noise": 0.2,
                    "key": f"{sampler} {seed}",
                    "accuracy": value, "passes": passes, "share": 1.0 if whole else 0.5, "noise_taken": taken,
                    "gini": 0.1, "never_seen": 10, "train_rows": 100, "test_rows": 50, "prepare_seconds": 0.5,
                    "choose_seconds": 0.1, "train_seconds": 1.0, "failed": None, "notes": [],
                    "epochs": {"passes": [passes / 3, passes / 1.5, passes], "accuracy": [value - 0.2, value, value],
                               "noise": [taken] * 3},
                }
            )  # fmt: skip
    return made


def test_a_clear_lead_is_said_with_its_interval():
    made = comparison.cells(runs(gated_rotation=CLEAR, rs2=LEVEL, full=FULL))
    gains = np.subtract(CLEAR, LEVEL)
    half = 3.182 * gains.std(ddof=1) / 2  # the 97.5 % point of Student's t with 3 degrees of freedom, by a table
    (cell,) = [c for c in made if c.sampler == "gated_rotation"]
    assert cell.better
    assert not cell.worse
    assert cell.gain.interval() == pytest.approx((gains.mean() - half, gains.mean() + half), abs=1e-4)
    assert comparison.headline(made) == (
        True, f"gated_rotation beats rs2 at 50 % of the passes, by {cell.interval} points",
    )  # fmt: skip


def test_where_nothing_beats_rs2_the_first_line_says_so():
    made = comparison.cells(runs(infobatch=[0.89, 0.92, 0.90, 0.91], orderdp=[0.8, 0.82, 0.81, 0.80], rs2=LEVEL))
    beats, words = comparison.headline(made)
    assert not beats
    assert words.startswith("Nothing beats rs2: ")
    assert "2 comparisons, 4 seeds" in words
    assert any("worse than rs2: orderdp" in line for line in comparison.sentences(made, 0.01))


def test_the_test_items_are_part_of_the_interval_where_the_answers_are_there():
    """As verification counts them: a lead of two items in fifty is no proof, however alike the seeds are."""
    made = runs(infobatch=[0.9, 0.9, 0.92], rs2=[0.86, 0.86, 0.88])
    right = {run["key"]: np.arange(50) < round(50 * run["accuracy"]) for run in made}
    alone, counted = comparison.cells(made), comparison.cells(made, answers=right)
    gain = difference(*(np.stack([right[f"{name} {seed}"] for seed in range(3)]) for name in ("infobatch", "rs2")))
    assert counted[0].gain == gain
    assert not counted[0].better
    assert "over seeds and 50 test items" in comparison.how_tested(counted)
    assert "over seeds alone" in comparison.how_tested(alone)


def test_one_seed_proves_nothing():
    made = comparison.cells(runs(infobatch=[0.99], rs2=[0.5]))
    assert comparison.headline(made) == (
        False,
        "One seed proves nothing: train more seeds to compare samplers with rs2.",
    )
    assert comparison.how_tested(made) == ""


def test_passes_to_the_accuracy_of_everything_and_wrong_labels_are_told():
    made = comparison.cells(runs(gated_rotation=CLEAR, rs2=LEVEL, full=FULL), tolerance=0.02)
    reached = {c.sampler: c.reached for c in made}
    assert reached["gated_rotation"] == pytest.approx(1 / 3)
    assert reached["rs2"] == float("inf")
    lines = comparison.sentences(made, 0.02)
    assert "Of what rs2 trained on, 20 % were wrong labels; of what gated_rotation did, 5 %" in lines
    assert lines[-1] == (
        "gated_rotation at 50 % is the first within 2 points of everything, after 33 % of the passes of everything; "
        "rs2 does not reach it"
    )


def test_failures_are_named_and_count_for_nothing():
    made = runs(infobatch=CLEAR, rs2=LEVEL)
    made[1] = {k: made[1][k] for k in ("sampler", "keep", "seed", "key")} | {"failed": "it diverged"}
    assert failures(made, "sampler") == ["infobatch at 50 %, seed 1: it diverged"]
    assert {c.sampler: c.seeds for c in comparison.cells(made)} == {"infobatch": 3, "rs2": 4}


def test_the_figures_average_runs_whose_epochs_differ_in_length():
    some = runs(infobatch=[0.9, 0.8], rs2=[0.9, 0.8], full=[0.9, 0.9])
    some[0]["epochs"] = {"passes": [50.0, 150.0], "accuracy": [0.4, 0.9], "noise": [0.1, 0.1]}
    figure = figures.over_passes(some, "accuracy")
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert set(lines) == {"infobatch", "rs2", "full"}
    assert lines["infobatch"].y[-1] == pytest.approx(0.85)
    assert lines["infobatch"].x[-1] == pytest.approx(0.5)
    times = {"rs2": [np.array([1, 1, 2, 2])], "static": [np.array([3, 3, 0, 0])]}
    usage = {trace.name: trace.y.tolist() for trace in figures.usage(times).data}
    assert usage == {"rs2": [0, 0.5, 0.5, 0], "static": [0.5, 0, 0, 0.5]}


def test_the_factors_shown_are_the_most_frequent_and_the_rarest_that_tell_something():
    indices = np.array([[0, 1], [0, 1], [0, 1], [0, 2], [0, 2], [0, 3], [0, 3], [0, 3], [0, 3], [0, 4]], np.int16)
    values = np.ones(indices.shape, np.float16)
    values[1, 1] = 3
    found = Factors(indices, values, 6, 0.9)  # 0 is everywhere, 4 is on one item, 5 never fires
    frequent, rare = factors.extremes(found)
    assert (frequent.tolist(), rare.tolist()) == ([3], [1])
    assert factors.strongest(found, 1).tolist() == [1, 0, 2]


@pytest.mark.parametrize("name", ["rs2", "gated_rotation", "cluster_probe", "curriculum"])
def test_the_lines_to_take_home_train(name):
    import torch
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = digits.data[:200].astype(np.float32) / 16, digits.target[:200].astype(np.int64)
    net = torch.nn.Linear(64, 10)
    names = {
        "dataset": torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y)), "net": net,
        "optimiser": torch.optim.Adam(net.parameters(), lr=0.1), "features": x, "labels": y,
    }  # fmt: skip
    before = net.weight.detach().clone()
    exec(snippet.snippet(name, {}, keep=0.5, epochs=2), names)
    assert names["s"].finished
    assert not torch.equal(before, net.weight)


def test_parameters_that_were_changed_are_in_the_lines():
    assert "keep=0.3, seed=0, forced=True)" in snippet.snippet("infobatch", {"forced": True}, keep=0.3, epochs=2)


# -- the page -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, "digits"])
def test_before_there_is_a_result_the_page_says_what_to_do(project_home, app, name):
    page = app("schedule", project=name)
    assert not page.exception
    labels = [b.label for b in page.button]
    # 3 samplers, rs2 and full_short at two shares, and everything, five times each
    assert labels == ["Go to the data"] if name is None else "Train 55 students" in labels


def test_what_is_chosen_is_saved_and_a_job_started(project_home, app, monkeypatch):
    started = []
    monkeypatch.setattr(
        "curation.engine.jobs.Jobs.start", lambda self, recipe, title, targets=None: started.append(targets)
    )
    page = app("schedule", project="digits")
    page.selectbox("schedule_use").set_value("orderdp").run()
    page.multiselect("schedule_others_orderdp").set_value(["repb"]).run()
    page.multiselect("schedule_keeps").set_value([0.3]).run()
    page.slider("schedule_noise").set_value(20).run()
    page.segmented_control("schedule_flips").set_value("pairwise").run()
    page.button("schedule_run").click().run()
    assert not page.exception
    assert started == [["schedule"]]
    saved = load_recipe(project_home / "digits" / "recipe.toml").schedule
    assert (saved.use, saved.others, saved.keeps) == ("orderdp", ["repb"], [0.3])
    assert (saved.noise, saved.flips, saved.student, saved.seeds) == (0.2, "pairwise", "head", 5)


def test_what_was_trained_is_shown_in_words_figures_and_table_and_can_be_taken_home(project_home, app):
    folder = project_home / "digits"
    section = {"use": "gated_rotation", "others": ["infobatch"], "keeps": [0.3, 0.5], "seeds": 2, "epochs": 2}
    schedule = parse_recipe({"source": {"use": "sample"}, "schedule": section}).schedule
    recipe = load_recipe(folder / "recipe.toml").model_copy(update={"schedule": schedule, "export": []})
    run(recipe, folder, targets=[*analysis(), "schedule"], device="cpu")
    page = app("schedule", project="digits")
    assert not page.exception
    first = [*page.success, *page.info][0].value
    assert "rs2" in first
    table = page.dataframe[0].value
    assert set(table["sampler"]) == {"gated_rotation", "infobatch", "rs2", "full_short", "full"}
    assert "wrong taken" in table  # the sample knows its planted mistakes
    assert len(page.get("plotly_chart")) == 1
    for view, said in (("Use of the items", "Gini"), ("Wrong labels", "gathers wrong"), ("Time", "Preparing is")):
        page.segmented_control("schedule_view").set_value(view).run()
        assert not page.exception, view
        assert len(page.get("plotly_chart")) == 1
        assert any(said in element.value for element in page.caption), view
    page.segmented_control("schedule_view").set_value("Take home").run()
    assert "from curation import indexed, sampler" in page.code[0].value
    page.segmented_control("schedule_view").set_value("Factors").run()
    assert not page.exception
    assert "schedule_factors_empty-button" in {b.key for b in page.button}
    run(recipe, folder, targets=[*analysis(), "evidence:factors"], device="cpu")
    page.run()
    assert not page.exception
    pictures = [
        html.proto.body for html in page.get("html") if "wn-factor" in html.proto.body and "<img" in html.proto.body
    ]
    assert len(pictures) == 2 * factors.ROWS
    taken = snippet.chosen(recipe, "infobatch", 0.3)
    again = parse_recipe(tomllib.loads(taken.toml())).schedule
    assert (again.use, again.others, again.keeps) == ("infobatch", [], [0.3])


def test_every_epoch_is_a_row_of_the_csv():
    table = trained.history(runs(rs2=LEVEL))
    assert {len(column) for column in table.values()} == {12}
    assert table["epoch"][:4] == [1, 2, 3, 1]
