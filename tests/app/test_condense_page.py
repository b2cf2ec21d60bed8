"""The condense page, and the words it finds for the numbers."""

import io
import zipfile

import numpy as np
import pytest

from curation.engine.against_real import compare
from curation.engine.plan import plan
from curation.engine.recipe import load_recipe, parse_recipe
from curation.engine.run import run
from curation.engine.stage import analysis
from curation.ui.condense import architectures, estimate, figures, pictures, summary, views
from curation.ui.condense.made import Course
from curation.ui.pages import condense

TESTS = 200


def found(**accuracies):
    """method -> accuracies by seed at 10 per class; "full" is everything. A name that begins with "real" is real, one
    that ends in "soft" has soft labels, in the same bytes."""
    rows, answers = [], {}
    for method, values in accuracies.items():
        for seed, value in enumerate(values):
            key, full = f"{method}{seed}", method == "full"
            rows.append(
                {
                    "method": method, "like": "", "per_class": None if full else 10, "of": "", "student": "convnet",
                    "seed": seed, "key": key, "accuracy": value, "items": 900 if full else 100,
                    "bytes": None if full else 1000, "seconds": 1.0, "passes": {}, "real": method.startswith("real"),
                    "baseline": method.startswith("real"), "soft": method.endswith("soft"), "parts": 1,
                    "realism": {"residual_ratio": 1.2, "ratio": 1.1, "out_of_range": 0.1} if method == "dm" else None,
                }
            )  # fmt: skip
            answers[key] = np.arange(TESTS) < round(TESTS * value)
    return compare(rows, answers)


LOW, HIGH, FULL = [0.6, 0.62, 0.61], [0.9, 0.91, 0.9], [0.95, 0.96, 0.95]


def test_a_set_that_beats_every_real_one_is_said_to_with_its_interval():
    made = found(dm=HIGH, real=LOW, real_soft=LOW, full=FULL)
    line = summary.headline(made, "convnet")
    assert line.good
    assert line.text.startswith("dm at 10 per class is better than the best real subset of its size by +29.3 (+")
    (first,) = summary.sentences(made, "convnet")
    assert "against real of the same number, better" in first
    assert "against everything" in first
    assert "Holm-corrected for 2 comparisons" in summary.how_tested(made)


def test_where_real_items_with_soft_labels_are_as_good_the_first_line_says_so():
    line = summary.headline(found(dm=HIGH, real=LOW, real_soft=[0.9, 0.9, 0.91], full=FULL), "convnet")
    assert not line.good
    assert line.text.startswith("Real items are as good at equal storage, as far as these seeds can tell: real_soft")


def test_nothing_is_claimed_without_proof():
    assert summary.headline(found(dm=[0.61, 0.63, 0.6], real=LOW), "convnet").text.startswith("Real items are as good")
    assert "One seed proves nothing" in summary.headline(found(dm=[0.9], real=[0.6]), "convnet").text
    assert "Nothing can be compared yet" in summary.headline(found(real=LOW), "convnet").text
    assert "Nothing can be compared yet" in summary.headline(found(dm=HIGH, real=LOW), "mlp").text


def test_labels_that_say_nothing_are_named_before_any_set_is_praised():
    words = summary.headline(found(dm=[0.1, 0.12, 0.1], real=[0.1] * 3, full=[0.1, 0.09, 0.1]), "convnet").text
    assert words.startswith("A student trained on everything is no better than guessing")


def test_architectures_agree_as_far_as_their_ranks_do():
    on_all = dict(zip("abcdef", (0.5, 0.6, 0.7, 0.8, 0.9, 0.95), strict=True))
    same = architectures.agreement({name: value / 2 for name, value in on_all.items()}, on_all)
    assert (same.rho, same.n) == (1.0, 6)
    assert same.chance == pytest.approx(1 / 720, abs=1e-3)
    assert architectures.agreement({"a": 0.1, "b": 0.2}, on_all) is None
    assert architectures.agreement(dict.fromkeys("abc", 0.5), on_all) is None


def test_the_figures_have_a_line_for_every_set_and_a_level_for_everything():
    cells = found(dm=HIGH, real=LOW, full=FULL).cells
    for figure in (figures.over_items(cells), figures.over_bytes(cells, dark=True)):
        assert [trace.name for trace in figure.data] == ["real", "dm"]
        assert "95.3%" in figure.layout.annotations[0].text
    (point,) = figures.trade_off([cell for cell in cells if cell.realism]).data
    assert (point.name, point.x, round(point.y[0], 2)) == ("dm", (1.2,), 0.9)


def test_the_images_of_every_class_stand_side_by_side():
    values = np.zeros((4, 8, 8, 3), np.uint8)
    html = pictures.side_by_side(
        [("a<b", values, np.array([0, 0, 1, 1])), ("c", values[:1], np.array([0]))], ["x", "y"]
    )
    assert html.count("<img") == 3
    assert "none" in html
    assert "a&lt;b" in html
    course = Course([(0, 0.0, values), (9, 1.0, values), (20, 2.0, values)], np.array([0, 0, 1, 1]))
    assert [course.at(share)[0] for share in (0, 0.5, 1)] == [0, 9, 20]


# -- the page -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, "digits"])
def test_before_there_is_a_result_the_page_says_what_to_do(project_home, app, name):
    page = app("condense", project=name)
    assert not page.exception
    labels = [b.label for b in page.button]
    assert labels == ["Go to the data"] if name is None else "Condense" in labels


def test_what_is_chosen_is_saved_and_a_job_started(project_home, app, monkeypatch):
    started = []
    monkeypatch.setattr(
        "curation.engine.jobs.Jobs.start", lambda self, recipe, title, targets=None: started.append(targets)
    )
    page = app("condense", project="digits")
    page.multiselect("condense_others_dm").set_value(["idm"]).run()
    page.multiselect("condense_numbers").set_value([2]).run()
    page.multiselect("condense_students_pixels").set_value(["mlp"]).run()
    page.selectbox("condense_prune").set_value("half").run()
    page.multiselect("condense_without").set_value(["duplicates"]).run()
    page.button("condense_run").click().run()
    assert not page.exception
    assert started == [["judge"]]
    saved = load_recipe(project_home / "digits" / "recipe.toml").condense
    part = "half, without duplicates"
    assert [(s.name, s.of) for s in saved] == [(f"dm of {part}", part), ("dm", ""), ("idm", "")]
    assert [(s.per_class, s.size, s.students) for s in saved] == [([2], 8, ["mlp"])] * 3


def test_what_was_made_is_shown_in_words_figures_and_images_and_can_be_taken_home(project_home, app, monkeypatch):
    folder, quick = project_home / "digits", {"use": "convnet", "width": 4, "steps": 20}
    section = {
        "use": "dm",
        "per_class": [1],
        "seeds": 2,
        "size": 8,
        "iterations": 3,
        "width": 4,
        "students": [quick],
    }
    sections = parse_recipe({"source": {"use": "sample"}, "condense": [section]}).condense
    recipe = load_recipe(folder / "recipe.toml").model_copy(update={"condense": sections})
    run(recipe, folder, targets=[*analysis(), "judge"], device="cpu")
    page = app("condense", project="digits")
    assert not page.exception
    assert [*page.success, *page.info]
    table = page.dataframe[0].value
    assert set(table["set"]) == {"dm", "random_real", "random_real + soft", "medoids", "centroids", "full"}
    for name in views.VIEWS:
        page.segmented_control("condense_view").set_value(name).run()
        assert not page.exception, name
    assert any("Rounded to 8 bits" in caption.value for caption in page.caption)
    page.segmented_control("condense_view").set_value("Images").run()
    page.slider("condense_share").set_value(0).run()
    assert any("iteration 0" in html.proto.body for html in page.get("html"))
    started = []
    monkeypatch.setattr(
        "curation.engine.jobs.Jobs.start", lambda self, recipe, title, targets=None: started.append(recipe.condense)
    )
    page.segmented_control("condense_view").set_value("Architectures").run()
    page.button("condense_six").click().run()
    assert [len(s.judges) for s in started[-1]] == [6]
    page.segmented_control("condense_view").set_value("Realism").run()
    assert list(page.dataframe[0].value["set"]) == ["dm"]
    page.button("condense_depths").click().run()
    assert [s.name for s in started[-1]][-3:] == ["prior_dm, latent", "prior_dm, middle", "prior_dm, pixels"]
    page.segmented_control("condense_view").set_value("Result").run()
    page.button("condense_pruned").click().run()
    assert [(s.label, s.of) for s in started[-1]][:2] == [("dm", "half"), ("dm", "")]


def test_the_download_holds_every_format(project_home, app):
    from curation.data.results import Condensed
    from curation.ui.state.project import Project

    made = Condensed(np.full((2, 8, 8, 3), 7.4, np.float32), np.array([0, 1]), rows=np.array([0, -1]))
    packed = views.zipped(Project(project_home / "digits"), made, {"use": "dm"})
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert {"condensed.npz", "condensed.pt", "load.py", "grid.png", "about.json", "manifest.csv"} < set(names)
    assert "images/0/0000.png" in names


def test_a_condensation_is_as_long_as_its_iterations_say(tmp_path):
    recipe = parse_recipe({"source": {"use": "sample"}, "condense": [{"use": "dm", "per_class": [10], "seeds": 1}]})
    steps = {step.shown["method"]: step for step in plan(recipe, tmp_path).of("condense")}
    # 300 steps of 10 classes, each 32 real images forward, a third of the work, and 10 made ones both ways
    assert estimate.condensing(steps["dm"], 1000, 10) == 62_000
    assert estimate.condensing(steps["centroids"], 1000, 10) == 0


def test_failures_are_told_once_for_every_set_and_reason():
    row = {"method": "dm", "per_class": 10, "failed": "it diverged", "seed": 0}
    lines = condense.failed(
        [row, row | {"seed": 1}, row | {"failed": None}, row | {"per_class": None, "method": "full"}]
    )
    assert lines == ["dm, 10 per class, seeds 0, 1: it diverged", "full, everything, seed 0: it diverged"]
