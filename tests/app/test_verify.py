"""The verify page, and the words it finds for the numbers."""

import json

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from curation.engine.recipe import load_recipe
from curation.engine.run import run
from curation.engine.stage import analysis
from curation.ui.verify import summary


def runs(**accuracy):
    """method -> accuracies by seed, all at 30 % but full."""
    return [
        {
            "method": method,
            "keep": 1.0 if method == "full" else 0.3,
            "seed": seed,
            "accuracy": value,
            "worst_class": value - 0.1,
            "passes": 100,
            "train_seconds": 1.0,
        }
        for method, values in accuracy.items()
        for seed, value in enumerate(values)
    ]


def cell(made, method):
    return next(c for c in made if c.method == method)


CLEAR, LEVEL = [0.900, 0.911, 0.922], [0.80, 0.82, 0.81]


def test_a_clear_lead_over_all_seeds_is_better_than_random():
    made = summary.cells(runs(ccs=CLEAR, random=LEVEL, full=[0.93, 0.93, 0.93]))
    assert cell(made, "ccs").better
    assert not cell(made, "full").better


def test_a_lead_that_chance_may_explain_is_not_better():
    made = summary.cells(runs(ccs=[0.90, 0.70, 0.85], random=LEVEL, full=[0.93, 0.93, 0.93]))
    assert not cell(made, "ccs").better


def test_among_many_methods_a_lead_must_be_clearer():
    lead = [0.82, 0.84, 0.823]  # p = 0.0085 on its own
    assert cell(summary.cells(runs(lead=lead, random=LEVEL)), "lead").better
    others = {f"m{i}": [0.80 + 0.001 * i, 0.82, 0.805] for i in range(10)}
    made = summary.cells(runs(lead=lead, random=LEVEL, **others))
    assert not any(c.better for c in made)
    assert summary.how_tested(made).endswith("Holm-corrected for 11 comparisons. More seeds can prove smaller gains.")


def test_the_correction_is_that_of_holm():
    """The second smallest p, 0.019, is below 0.05 and not below 0.05 / 3: nothing from there on is proven."""
    rng = np.random.default_rng(0)
    groups = [rng.normal(mean, 0.01, 6) for mean in (0.03, 0.012, 0.008, 0.001)]
    p = [ttest_1samp(group, 0, alternative="greater").pvalue for group in groups]
    adjusted = np.maximum.accumulate(np.sort(p) * [4, 3, 2, 1])[np.argsort(np.argsort(p))]
    assert summary.beyond_chance(groups) == (adjusted < 0.05).tolist()
    assert 0 < sum(summary.beyond_chance(groups)) < sum(value < 0.05 for value in p)


@pytest.mark.parametrize("gains", [[0.02, 0.02], [0.1, 0.30 - 0.20, 0.5 - 0.4], [0.4], []])
def test_equal_gains_and_single_seeds_prove_nothing(gains):
    assert summary.beyond_chance([gains]) == [False]


def test_that_equal_gains_prove_nothing_is_said():
    (share,) = summary.by_share(summary.cells(runs(ccs=[0.9, 0.9], random=[0.8, 0.8])))
    assert share.words() == (
        "At 30 % no method is proven better than random: the highest is ccs (90.0 ± 0.0 %), 10.0 ± 0.0 points above "
        "random; equal gains in all seeds prove nothing"
    )
    (share,) = summary.by_share(summary.cells(runs(ccs=[0.9], random=[0.8])))
    assert share.words().endswith("10.0 ± 0.0 points above random; one seed proves nothing")


def test_shares_are_read_from_the_smallest_with_the_best_method_and_the_weak_ones():
    many = runs(ccs=CLEAR, herding=[0.80, 0.81, 0.82], random=LEVEL, full=[0.93] * 3)
    (share,) = summary.by_share(summary.cells(many))
    assert share.words() == "At 30 % the best is ccs (91.1 ± 1.1 %), better than random by 10.1 ± 1.1 points"
    assert share.weak == ["herding"]


def test_where_nothing_is_better_than_random_it_says_so():
    (share,) = summary.by_share(summary.cells(runs(ccs=[0.80, 0.81, 0.82], random=LEVEL)))
    assert share.words().startswith("At 30 % no method is proven better than random: the highest is ccs")


def test_trainings_that_failed_are_named_and_count_for_nothing():
    many = runs(ccs=[0.90, 0.91], random=[0.80, 0.82])
    many[0] = {**many[0], "failed": "the student diverged", "accuracy": None}
    assert cell(summary.cells(many), "ccs").seeds == 1
    assert summary.failures(many) == ["ccs at 30 %, seed 0: the student diverged"]


def test_one_seed_proves_nothing():
    made = summary.cells(runs(ccs=[0.99], random=[0.80], full=[0.93]))
    assert not cell(made, "ccs").better


def test_the_smallest_subset_within_the_tolerance_is_enough_and_baselines_never_are():
    many = runs(ccs=[0.925, 0.925], random=[0.93, 0.93], full=[0.93, 0.93])
    many += [{**r, "keep": 0.1, "accuracy": 0.80} for r in many if r["method"] == "ccs"]
    assert summary.enough(summary.cells(many), 0.01).keep == 0.3
    assert summary.enough(summary.cells(many), 0.2).keep == 0.1
    assert summary.enough(summary.cells(many), 0.001) is None


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
