"""The verify page, and the words it finds for the numbers."""

import json
import re

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from curation.engine import pace
from curation.engine.comparison import compare
from curation.engine.recipe import load_recipe
from curation.engine.run import run
from curation.engine.stage import analysis
from curation.engine.trials import failures, finished
from curation.errors import StepError
from curation.maths.uncertainty import holm
from curation.ui.state.project import Project
from curation.ui.verify import summary

ITEMS = 400


def trained(keep=0.3, items=ITEMS, **accuracy):
    """(rows, answers) of method -> accuracies by seed, all at one share but full. Methods err on different items, the
    seeds of one on nearly the same."""
    rows, answers = [], {}
    for place, (method, values) in enumerate(accuracy.items()):
        for seed, value in enumerate(values):
            key = f"{method} {keep} {seed}"
            answers[key] = np.roll(np.arange(items) < round(value * items), place * items * 3 // 8 + 2 * seed)
            rows.append(
                {
                    **{"method": method, "keep": 1.0 if method == "full" else keep, "seed": seed, "key": key},
                    **{"accuracy": float(answers[key].mean()), "worst_class": value - 0.1, "passes": 100},
                    "train_seconds": 1.0,
                }
            )
    return rows, answers


def compared(*made):
    return compare([row for rows, _ in made for row in rows], {k: a for _, found in made for k, a in found.items()})


def cell(summed, method, keep=0.3):
    return next(c for c in summed.cells if c.method == method and (method == "full" or c.keep == keep))


def said(sentences):
    return [str(one) for one in sentences]


CLEAR, LEVEL = [0.90, 0.91, 0.905], [0.80, 0.81, 0.805]


def test_a_clear_lead_over_items_and_seeds_is_better_than_random():
    summed = compared(trained(ccs=CLEAR, random=LEVEL, full=[0.93, 0.93, 0.93]))
    assert cell(summed, "ccs").better
    assert cell(summed, "full").better is None
    assert cell(summed, "full").gain is None
    (first,) = said(summary.by_share(summed))
    assert first.startswith("At 30 % ccs is better than random: 90.5 % (")
    assert first.endswith(" above it")


def test_a_lead_of_a_few_test_items_is_not_better_and_the_words_say_how_many_would_be_needed():
    summed = compared(trained(ccs=[0.815, 0.815, 0.815], random=[0.80, 0.80, 0.80]))
    found = cell(summed, "ccs")
    assert not found.better
    (first,) = said(summary.by_share(summed))
    assert first.startswith("At 30 % nothing is proven better than random. The highest is ccs, 81.5 % (")
    told = re.search(r"cannot be told apart with 400 test items; about ([\d,]+) would be needed$", first)
    assert 9_000 < int(told[1].replace(",", "")) < 12_000  # (1.64 + 0.84)^2 0.385 / 0.015^2


def test_a_lead_of_training_luck_is_not_better_and_the_words_ask_for_seeds():
    summed = compared(trained(ccs=[0.95, 0.80, 0.90], random=[0.80, 0.85, 0.78], items=4000))
    assert not cell(summed, "ccs").better
    assert re.search(
        r"with 4,000 test items and 3 seeds; about \d+ seeds would be needed$", said(summary.by_share(summed))[0]
    )


def test_equal_accuracies_are_too_close_for_any_test_set():
    summed = compared(trained(ccs=[0.8, 0.8], random=[0.8, 0.8]))
    assert said(summary.by_share(summed))[0].endswith("the difference is too small for any test set")


def test_among_many_methods_a_lead_must_be_clearer():
    lead = [0.87, 0.875, 0.87]
    assert cell(compared(trained(lead=lead, random=LEVEL)), "lead").better
    others = {f"m{i}": [0.80 + 0.001 * i, 0.82, 0.805] for i in range(60)}
    summed = compared(trained(lead=lead, random=LEVEL, **others))
    p = [c.gain.p_above() for c in summed.subsets]
    assert [c.better for c in summed.subsets] == (holm(p) < 0.05).tolist()
    assert cell(summed, "lead").gain.p_above() < 0.05
    assert not cell(summed, "lead").better
    assert summary.how_tested(summed) == (
        "Intervals: 95 %, over the choice of 400 test items and 3 seeds. Better than random: p < 0.05 in a one-sided "
        "paired test, Holm-corrected for 61 comparisons."
    )


def test_shares_are_read_from_the_smallest_with_the_best_method_and_the_weak_ones():
    summed = compared(
        trained(ccs=CLEAR, herding=[0.80, 0.81, 0.81], random=LEVEL, full=[0.93] * 3),
        trained(keep=0.1, ccs=[0.70, 0.71, 0.71], random=[0.7, 0.71, 0.71]),
    )
    lines = said(summary.by_share(summed))
    assert [line[:40] for line in lines] == [
        "At 10 % nothing is proven better than ra",
        "At 30 % ccs is better than random: 90.5 ",
        "Not proven better than random at 30 %: h",
    ]


def test_one_seed_proves_nothing():
    summed = compared(trained(ccs=[0.99], random=[0.80], full=[0.93]))
    assert cell(summed, "ccs").better is None
    assert said(summary.by_share(summed))[0].endswith("above it: one seed proves nothing")
    assert any(note.startswith("One seed says nothing") for note in summary.notes(summed))


def test_seeds_that_answer_alike_are_said_to_and_still_have_an_interval():
    rows, answers = trained(ccs=[0.9, 0.9], random=LEVEL[:2], full=[0.93, 0.93])
    for row in rows:
        if row["method"] != "random":
            answers[row["key"]] = answers[f"{row['method']} {row['keep'] if row['method'] != 'full' else 0.3} 0"]
    summed = compared((rows, answers))
    assert summary.notes(summed) == [
        "This student is deterministic: all seeds give the same answers, so the intervals are those of the test items "
        "alone."
    ]
    assert summary.percent(cell(summed, "ccs").accuracy) == "90.0 % (86.6 to 92.6)"


def test_trainings_of_an_older_winnow_have_the_interval_of_their_seeds_and_a_word():
    rows, _ = trained(ccs=CLEAR, random=LEVEL, full=[0.93, 0.93, 0.94])
    summed = compared((rows, {}))
    found = cell(summed, "ccs")
    low, high = found.accuracy.interval()
    assert (low, high) == pytest.approx(tuple(ttest_1samp([r["accuracy"] for r in rows[:3]], 0).confidence_interval()))
    assert any("older Winnow" in note for note in summary.notes(summed))
    assert not any("deterministic" in note for note in summary.notes(summed))
    assert summary.enough(summed, 0.05).text.endswith("by the seeds alone.")


def test_trainings_that_failed_are_named_and_count_for_nothing():
    rows, answers = trained(ccs=[0.90, 0.91], random=[0.80, 0.82])
    rows[0] = {**rows[0], "failed": "the student diverged", "accuracy": None}
    assert cell(compared((finished(rows), answers)), "ccs").seeds == 1
    assert failures(rows, "method") == ["ccs at 30 %, seed 0: the student diverged"]


def test_a_subset_is_enough_when_it_is_proven_to_lose_less_than_the_tolerance():
    made = (
        trained(ccs=[0.925, 0.925], random=[0.93, 0.93], full=[0.93, 0.93], items=4000),
        trained(keep=0.1, ccs=[0.80, 0.80], random=[0.7, 0.7], items=4000),
    )
    summed = compared(*made)
    assert summary.enough(summed, 0.05).claim == "ccs at 30 % is enough"
    assert summary.enough(summed, 0.2).claim == "ccs at 10 % is enough"
    assert str(summary.enough(summed, 0.001)) == "No subset comes within 0.1 points of the full data (93.0 %)."
    few = compared(*(trained(**{**given, "items": 100}) for given in (
        {"ccs": [0.93, 0.93], "random": [0.8, 0.8], "full": [0.93, 0.93]},
    )))  # fmt: skip
    open_ = summary.enough(few, 0.01)
    assert open_.standing == "open"
    assert open_.claim == "ccs at 30 % may be enough"
    assert "whether it stays within 1 point cannot be told with 100 test items; about " in open_.text


@pytest.mark.parametrize(("learnt", "warned"), [([0.60, 0.64], True), ([0.30, 0.305], True), ([0.82, 0.823], False)])
def test_a_network_that_was_far_from_done_is_warned_of(learnt, warned):
    rows, _ = trained(ccs=[0.5, 0.5], full=[0.6, 0.6])
    for row in rows:
        row["train_accuracy"] = learnt
    words = summary.unfinished(rows)
    assert bool(words) == warned
    if warned:
        assert f"on the full data it got {100 * learnt[-1]:.0f} % of its training items right" in words


@pytest.mark.parametrize("name", [None, "digits"])
def test_before_there_is_a_result_the_page_says_what_to_do(project_home, app, name):
    page = app("verify", project=name)
    assert not page.exception
    labels = [b.label for b in page.button]
    assert labels == ["Go to the data"] if name is None else "Train 9 students" in labels


def test_methods_chosen_on_the_page_join_the_saved_subsets(project_home, app, monkeypatch):
    monkeypatch.setattr("curation.engine.jobs.Jobs.start", lambda self, recipe, title, targets=None: None)
    page = app("verify", project="digits")
    page.multiselect("verify_methods").set_value(["herding"]).run()
    page.multiselect("verify_keeps").set_value([0.1, 0.3]).run()
    assert any("2 subsets at 2 shares" in c.value for c in page.caption)
    page.button("verify_run").click().run()
    recipe = load_recipe(project_home / "digits" / "recipe.toml")
    assert [(p.name, p.use, p.balance) for p in recipe.prune][-1] == ("herding", "herding", True)
    assert recipe.verify.keeps == [0.1, 0.3]


def test_training_saves_the_settings_and_starts_a_job(project_home, app, monkeypatch):
    started = []
    monkeypatch.setattr(
        "curation.engine.jobs.Jobs.start", lambda self, recipe, title, targets=None: started.append(targets)
    )
    page = app("verify", project="digits")
    page.slider("verify_seeds").set_value(4).run()
    page.button("verify_run").click().run()
    assert not page.exception
    assert started == [["verify"]]
    assert load_recipe(project_home / "digits" / "recipe.toml").verify.seeds == 4


def test_training_after_a_relabel_renews_the_analysis_on_the_way(project_home, app, monkeypatch):
    started = []
    monkeypatch.setattr(
        "curation.engine.jobs.Jobs.start", lambda self, recipe, title, targets=None: started.append(targets)
    )
    assert Project(project_home / "digits").decide([5], "relabel", "7") == 1
    page = app("verify", project="digits")
    page.button("verify_run").click().run()
    assert not page.exception
    assert started == [[*analysis(), "verify"]]


def test_finished_trainings_are_shown_in_words_chart_and_table(project_home, app):
    folder = project_home / "digits"
    recipe = load_recipe(folder / "recipe.toml")
    from curation.engine.recipe import parse_recipe

    verify = parse_recipe({"source": {"use": "sample"}, "verify": {"use": "head", "seeds": 2}}).verify
    verify.params["epochs"] = 2
    recipe = recipe.model_copy(update={"verify": verify, "export": []})
    run(recipe, folder, targets=[*analysis(), "verify"], device="cpu")
    page = app("verify", project="digits")
    assert not page.exception
    table = page.dataframe[0].value
    assert set(table["method"]) == {"half", "random", "full"}
    assert set(table["seeds"]) == {2}
    assert len(page.get("plotly_chart")) == 1
    assert set(table["wrong labels kept"]) > {"100%"}
    assert all(re.fullmatch(r"[\d.]+ % \([\d.]+ to [\d.]+\)", words) for words in table["accuracy"])
    assert any("the choice of 359 test items and 2 seeds" in c.value for c in page.caption)
    for view, said in (
        ("Learning curve", "at least 4 sizes"),
        ("Proxy", "Selection includes"),
        ("Savings", "Estimates"),
    ):
        page.segmented_control("verify_view").set_value(view).run()
        assert not page.exception, view
        assert any(said in element.value for element in [*page.caption, *page.info]), view
    page.segmented_control("verify_view").set_value("Figure").run()
    assert not page.exception
    told = [one.proto.json for one in page.get("bidi_component") if '"panels"' in one.proto.json]
    panels = json.loads(told[0])["panels"]
    assert [panel["title"] for panel in panels[:2]] == ["classes", "size = difficulty (aum)"]
    assert [panel["leftOut"] is None for panel in panels] == [True, True, False, False]
    page.segmented_control("verify_view").set_value("Result").run()
    assert any("better than random" in m.value for m in page.markdown)


@pytest.mark.parametrize("answer", [0.01, StepError("a step of cnn could not be timed: no memory")])
def test_the_time_is_said_before_a_network_is_trained(project_home, app, monkeypatch, answer):
    asked = []

    def timed(student, params, side, classes, device="auto"):
        asked.append((student, side, classes))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(pace, "seconds_per_pass", timed)
    page = app("verify", project="digits")
    assert not asked
    page.selectbox("verify_student").set_value("cnn").run()
    page.run()
    assert not page.exception
    assert asked == [("cnn", 32, 10)]
    words = [c.value for c in page.caption if "timed" in c.value]
    # three times 14,380 images for everything and 12,223 for each half, which gets 17 epochs to make 200 updates
    expected = "No estimate of the time" if isinstance(answer, Exception) else "About **19 minutes** for 9 trainings"
    assert expected in words[0]
