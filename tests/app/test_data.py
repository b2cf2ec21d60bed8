"""The data page: the way in, what goes wrong there, the first look, and the button that starts the analysis."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.data.items import make_items
from curation.engine.recipe import load_recipe, parse_recipe
from curation.engine.stage import analysis
from curation.errors import RecipeError
from curation.ui.parts.csv_download import as_csv
from curation.ui.server import projects
from curation.ui.start import overview, presets
from curation.ui.start.presets import Option

ROOT = Path(__file__).resolve().parents[2]


def texts(elements) -> str:
    return " ".join(str(element.value) for element in elements)


@pytest.fixture
def started(monkeypatch):
    """Jobs that were started, as (workspace, title, targets); nothing runs."""
    found = []

    def start(self, recipe, title, targets=None, device="auto"):
        found.append((self.workspace.name, title, targets))

    monkeypatch.setattr("curation.engine.jobs.Jobs.start", start)
    return found


def test_an_empty_home_offers_the_sample_as_the_one_primary_button(empty_home, app):
    page = app()
    assert not page.exception
    assert [button.label for button in page.button if button.proto.type == "primary"] == ["Try the sample"]


def test_one_click_on_the_sample_makes_a_complete_project_and_starts_the_whole_analysis(empty_home, app, started):
    page = app()
    page.button("try_sample").click().run()
    assert not page.exception
    assert started == [("digits", "Analyse the sample", analysis())]
    recipe = load_recipe(empty_home / "digits" / "recipe.toml")
    assert recipe.source.params["mistakes"] == 0.05
    assert recipe.encode.use == "pixels"
    assert [s.use for s in recipe.score] == ["el2n", "forgetting", "aum", "entropy", "margin"]
    assert [f.use for f in recipe.flag] == ["consensus", "conflicting_labels", "duplicates", "outliers"]
    assert recipe.map.use == "umap"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/nowhere/flowers", "outside the folders this app may read"),
        ("{home}/flowrs", "does not exist"),
        ("{home}/notes.docx", "not a kind of data Winnow reads"),
        ("{home}/broken.csv", "is empty; the first line must name the columns"),
    ],
)
def test_a_path_that_cannot_be_read_is_one_sentence_beside_the_field(empty_home, app, text, said):
    (empty_home / "notes.docx").write_text("hello")
    (empty_home / "broken.csv").write_bytes(b"")
    page = app()
    page.segmented_control("own_way").set_value("Path on the server").run()
    page.text_input("own_path").set_value(text.format(home=empty_home)).run()
    assert not page.exception
    assert len(page.error) == 1
    assert said in page.error[0].value.replace("\\", "")


def test_a_folder_is_read_where_it_lies_by_a_job_that_ends_with_the_source(empty_home, app, started):
    folder = empty_home.parent / "flowers"
    for name in ("rose", "tulip"):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / name / "1.png")
    page = app()
    page.segmented_control("own_way").set_value("Path on the server").run()
    page.text_input("own_path").set_value(str(folder)).run()
    page.button("own_path_read").click().run()
    assert not page.exception
    assert started == [("flowers", "Read flowers", ["source"])]
    recipe = load_recipe(empty_home / "flowers" / "recipe.toml")
    assert (recipe.source.use, recipe.source.params["path"]) == ("folder", folder)


def test_a_table_asks_for_its_columns_and_guesses_by_their_names(empty_home, app, started):
    table = empty_home.parent / "pets.csv"
    table.write_text("who,File,Class\na,1.png,cat\n")
    page = app()
    page.segmented_control("own_way").set_value("Path on the server").run()
    page.text_input("own_path").set_value(str(table)).run()
    assert [page.selectbox(f"own_path_{name}").value for name in ("image", "label")] == ["File", "Class"]
    page.button("own_path_read_table").click().run()
    assert load_recipe(empty_home / "pets" / "recipe.toml").source.params["image"] == "File"


def test_recent_projects_are_listed_and_deleting_one_asks_first(project_home, app):
    page = app()
    assert [projects.item_count(info.folder) for info in projects.projects()] == [1797]
    page.button("recent_delete_digits").click().run()
    assert not page.exception
    assert page.button("delete_yes").label == "Delete"  # test_upload.py presses it, in a browser
    assert (project_home / "digits").exists()
    page.button("recent_open_digits").click().run()
    assert "1,797" in " ".join(block.proto.body for block in page.get("html"))


def test_the_first_look_of_an_analysed_project_says_what_was_found(project_home, app):
    page = app(project="digits")
    assert not page.exception
    shown = " ".join(block.proto.body for block in page.get("html"))
    for number in ("1,797", "1,438", "359", "8 × 8"):
        assert number in shown
    assert "planted mistakes" in shown
    assert page.button("open_map").proto.type == "primary"


def test_analysing_in_another_way_stores_the_choice_and_starts_a_job(project_home, app, started):
    page = app(project="digits")
    page.multiselect("choose_scores").set_value(["margin"]).run()
    page.button("analyse").click().run()
    assert not page.exception
    assert started == [("digits", "Analyse", analysis())]
    assert [s.use for s in load_recipe(project_home / "digits" / "recipe.toml").score] == ["margin"]


def test_a_project_whose_source_could_not_be_read_says_so_and_offers_the_way_out(empty_home, app):
    folder = empty_home / "broken"
    folder.mkdir()
    (folder / "winnow.json").write_text(json.dumps({"format": 1}))
    (folder / "recipe.toml").write_text('[source]\nuse = "folder"\npath = "/gone"\n')
    page = app(project="broken")
    assert not page.exception
    assert "does not exist" in texts(page.error)
    keys = {button.key for button in page.button}
    assert {"data_unread-button", "data_delete", "data_close"} <= keys
    page.button("data_close").click().run()
    assert page.button("try_sample")


def test_a_page_that_is_drawn_again_decodes_no_image_and_reads_no_result_again(project_home, app, monkeypatch):
    page, work = app(project="digits"), []
    for place in ("curation.ui.parts.thumbnails._encoded", "curation.engine.results.load"):
        monkeypatch.setattr(place, lambda *_, place=place: work.append(place))
    assert not page.run().exception
    assert work == []


# -- which encoder, and what it will cost ----------------------------------------------------------------------


ENCODERS = ("lite0", "open_clip", "patches", "pixels", "precomputed", "timm")


def encoders(fetched: tuple[str, ...] = (), **problems: str) -> list[presets.Option]:
    hub = {"open_clip", "timm"} - set(fetched)
    return [Option(id_, id_, problems.get(id_, ""), id_ not in hub) for id_ in ENCODERS]


@pytest.mark.parametrize(
    ("away", "fetched", "side", "n", "gpu", "texture", "chosen", "why"),
    [
        (["precomputed"], [], 200, 5_000, False, False, "lite0", "photographs of ImageNet"),
        (["precomputed"], [], 32, 60_000, False, False, "lite0", "works offline"),
        (["precomputed"], ["open_clip"], 200, 5_000, False, False, "open_clip", "on this machine"),
        (["precomputed"], ["timm"], 200, 5_000, False, False, "timm", "on this machine"),
        (["precomputed"], ["open_clip"], 200, 60_000, True, False, "open_clip", "on this machine"),
        (["precomputed"], ["open_clip"], 200, 60_000, False, False, "lite0", "take hours on 60,000 items"),
        (["precomputed"], ["timm"], 200, 5_000, False, True, "patches", "timm model looks for shapes"),
        (["precomputed"], [], 200, 5_000, False, True, "patches", "EfficientNet-Lite0 looks for shapes"),
        (["precomputed", "lite0"], [], 200, 60_000, True, False, "patches", "learns from these images"),
        (["precomputed"], ["open_clip"], 8, 1_797, True, True, "pixels", "this small"),
        ([], ["open_clip", "timm"], 200, 5_000, True, False, "precomputed", "features of its own"),
        (["precomputed", "lite0", "patches", "timm"], [], 200, 50, False, False, "pixels", "best of the encoders"),
        (["precomputed"], [], 200, 500_000, False, False, "lite0", "photographs of ImageNet"),
        (list(ENCODERS), [], 200, 50, False, False, "", "No encoder"),
    ],
)
def test_the_best_encoder_that_can_run_here_is_preselected_with_its_reason(
    away, fetched, side, n, gpu, texture, chosen, why
):
    offered = encoders(tuple(fetched), **dict.fromkeys(away, "no"))
    found = presets.best(offered, side=side, n=n, gpu=gpu, texture=texture)
    assert found[0] == chosen
    assert why in found[1]


def test_what_a_better_encoder_would_bring_is_said_with_its_command():
    clip, dino = presets.better(encoders(), "lite0", texture=False)
    assert "searched for by name" in clip.brings
    assert clip.command == "hf download laion/CLIP-ViT-B-32-laion2B-s34B-b79K open_clip_model.safetensors"
    assert "DINOv2" in dino.brings
    assert presets.better(encoders(), "patches", texture=True) == [clip]
    assert presets.better(encoders(("open_clip",)), "lite0", texture=False) == [dino]
    assert presets.better(encoders(), "precomputed", texture=False) == []


def test_the_page_says_what_a_better_encoder_would_bring(project_home, app, monkeypatch):
    from curation.ui.start import encoder_choice

    encoder_choice._encoders.clear()
    monkeypatch.setattr("curation.ui.start.presets._fetched", lambda method: method.card.download is None)
    page = app(project="digits")
    encoder_choice._encoders.clear()
    assert not page.exception
    assert [code.value.split()[2].split("/")[0] for code in page.code] == ["laion", "timm"]


def test_a_score_that_reads_class_names_asks_for_an_encoder_that_does():
    from curation.ui.start.analysis import _reads_no_names

    wanted = [("scores", "aum"), ("scores", "clip_alignment")]
    assert _reads_no_names("lite0", wanted).endswith("reads class names; EfficientNet-Lite0 does not.")
    assert _reads_no_names("lite0", wanted[:1]) == _reads_no_names("open_clip", wanted) == ""


def test_only_encoders_that_read_what_the_source_brings_are_offered():
    offered = lambda *lack: {option.id for option in presets.suited(encoders(), lack)}  # noqa: E731
    assert offered("images", "texts") == {"precomputed"}
    assert offered("texts", "features") >= {"patches", "lite0", "open_clip"}
    assert "precomputed" not in offered("texts", "features")


def test_another_analysis_keeps_what_stays_and_adds_what_is_new():
    recipe = parse_recipe(
        {
            "source": {"use": "sample"},
            "score": [{"use": "aum", "name": "mine", "skip": 3}, {"use": "el2n"}],
            "map": {"use": "pca"},
            "prune": [{"use": "random", "keep": 0.5}],
        }
    )
    asked = presets.with_analysis(
        recipe, encode={"use": "pixels", "size": 8}, scores=["margin", "aum"], flags=[], place="pca"
    )
    assert [(s.name, s.use, s.params.get("skip")) for s in asked.score] == [
        ("mine", "aum", 3),
        ("margin", "margin", None),
    ]
    assert (asked.encode.params["size"], asked.flag, asked.map.use) == (8, [], "pca")
    assert asked.prune == recipe.prune
    assert presets.with_analysis(recipe, encode={"use": "pixels"}, scores=[], flags=[], place=None).map is None


def test_a_flag_a_subset_stands_on_cannot_be_taken_away():
    recipe = parse_recipe(
        {
            "source": {"use": "sample"},
            "flag": [{"use": "duplicates"}],
            "prune": [{"use": "random", "keep": 0.5, "without": ["duplicates"]}],
        }
    )
    with pytest.raises(RecipeError, match="names no \\[\\[flag\\]\\]"):
        presets.with_analysis(recipe, encode={"use": "pixels"}, scores=[], flags=[], place=None)


# -- numbers of the first look ---------------------------------------------------------------------------------


def mixed():
    return make_items(
        ids=["a", "b", "c", "d", "e"],
        labels=["cat", "dog", "cat", None, "dog"],
        splits=["train", "train", "test", "unlabeled", "train"],
        status=["ok", "ok", "ok", "ok", "cut short, or empty"],
        widths=[10, 20, 30, 40, None],
        heights=[5, 5, 9, 5, None],
        sizes=[1_000, 2_000, 3_000, 4_000, 0],
        root=Path("/nowhere"),
    )


def test_the_numbers_of_a_dataset_are_of_what_can_be_used():
    items = mixed()
    found = overview.facts(items, items.codes, items.classes)
    assert (found.items, found.usable, found.bytes) == (5, 4, 10_000)
    assert found.splits == {"train": 2, "test": 1, "unlabeled": 1}
    assert found.counts.tolist() == [[1, 0, 1], [1, 0, 0]]  # cat, dog in train, val, test
    assert found.sides == ((10, 25, 40), (5, 5, 9))
    assert found.problems.tolist() == [4]


def test_class_bars_are_as_long_as_they_should_be_and_names_are_never_markup():
    drawn = overview.class_bars(["<b>cat</b>", "dog"], np.array([[40, 0, 10], [20, 5, 0]]))
    assert "&lt;b&gt;cat&lt;/b&gt;" in drawn
    assert 'width:76.80%"></i><b style="width:19.20%' in drawn  # 40 and 10 of 50, on 96 %
    assert "20 + 5" in drawn


def test_problems_are_listed_and_quoted_in_the_file_to_load():
    table = overview.problems_table(mixed(), np.array([4]))
    assert table["item"] == ["e"]
    assert as_csv(table).splitlines() == ["item,reason", 'e,"cut short, or empty"']


def test_the_hardest_class_is_the_one_with_the_highest_mean():
    labels, difficulty = np.array([0, 0, 1, 1, -1]), np.array([1.0, 3.0, 1.5, np.nan, 9.0])
    assert overview.hardest_class(labels, ["cat", "dog"], difficulty) == "cat"
    assert overview.hardest_class(labels, ["cat", "dog"], np.full(5, np.nan)) is None


def test_the_sample_is_pictured_without_importing_scikit_learn():
    code = (
        "import sys; from curation.ui.start.overview import sample_picture as picture; "
        "print(len(picture()), 'sklearn' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert int(said.split()[0]) > 500
    assert said.split()[1] == "False"
