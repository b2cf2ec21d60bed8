"""The data page: the way in, what goes wrong there, the first look, and the button that starts the analysis."""

import json
import time

import pytest

from curation.engine.recipe import load_recipe
from curation.ui import home


def texts(elements) -> str:
    return " ".join(str(element.value) for element in elements)


@pytest.fixture
def started(monkeypatch):
    """Jobs that were started, as (workspace, title, until); nothing runs."""
    found = []

    def start(self, recipe, title, until=None, device="auto"):
        found.append((self.workspace.name, title, until))

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
    assert started == [("digits", "Analyse the sample", "map")]
    recipe = load_recipe(empty_home / "digits" / "recipe.toml")
    assert recipe.source.params["mistakes"] == 0.05
    assert recipe.encode.use == "patches"
    assert [s.use for s in recipe.score] == ["el2n", "forgetting", "aum", "entropy", "margin"]
    assert [f.use for f in recipe.flag] == ["confident_learning", "knn_vote", "duplicates", "outliers"]
    assert recipe.map.use == "umap"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/nowhere/flowers", "outside the folders this app may read"),
        ("{home}/flowrs", "does not exist"),
        ("{home}/notes.txt", "no kind of dataset known here"),
        ("{home}/broken.csv", "cannot be read as a table"),
    ],
)
def test_a_path_that_cannot_be_read_is_one_sentence_beside_the_field(empty_home, app, text, said):
    (empty_home / "notes.txt").write_text("hello")
    (empty_home / "broken.csv").write_bytes(b"")
    page = app()
    page.segmented_control("own_way").set_value("Path on the server").run()
    page.text_input("own_path").set_value(text.format(home=empty_home)).run()
    assert not page.exception
    assert len(page.error) == 1
    assert said in page.error[0].value.replace("\\", "")


def test_a_folder_is_read_where_it_lies_by_a_job_that_ends_with_the_source(empty_home, app, started):
    folder = empty_home.parent / "flowers"
    folder.mkdir()
    page = app()
    page.segmented_control("own_way").set_value("Path on the server").run()
    page.text_input("own_path").set_value(str(folder)).run()
    page.button("own_path_read").click().run()
    assert not page.exception
    assert started == [("flowers", "Read flowers", "source")]
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


def test_recent_projects_are_listed_opened_and_deleted_only_after_a_question(project_home, app):
    page = app()
    assert [info.items for info in home.projects()] == [1797]
    page.button("recent_delete_digits").click().run()
    assert (project_home / "digits").exists()
    page.button("delete_yes").click().run()
    assert not page.exception
    assert not (project_home / "digits").exists()


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
    assert started == [("digits", "Analyse", "map")]
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


def test_the_page_of_an_open_project_is_drawn_again_in_under_a_second(project_home, app):
    page = app(project="digits")
    started = time.perf_counter()
    page.run()
    assert time.perf_counter() - started < 1.0
