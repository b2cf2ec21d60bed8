"""A data set by its name on the page Data: what its columns are taken for is shown before it is read."""

import io

import pytest
from PIL import Image

from curation.data.reading import hub_sets
from curation.engine.recipe import load_recipe


@pytest.fixture
def saved(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(hub_sets, "_hub_answers", lambda: False)
    monkeypatch.setenv("WINNOW_ROOTS", str(tmp_path))
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    kinds = {"img": datasets.Image(), "fine": datasets.ClassLabel(names=["a", "b"]), "rough": datasets.Value("string")}
    columns = {"img": [{"bytes": out.getvalue(), "path": None}] * 4, "fine": [0, 1, 0, 1], "rough": ["x", "y"] * 2}
    datasets.Dataset.from_dict(columns, features=datasets.Features(kinds)).save_to_disk(tmp_path / "set")
    return tmp_path / "set"


def test_the_guess_of_the_columns_is_shown_and_can_be_changed_before_the_set_is_read(
    app, empty_home, saved, monkeypatch
):
    monkeypatch.setattr("curation.engine.jobs.Jobs.start", lambda *_, **__: None)
    page = app()
    page.segmented_control("own_way").set_value("Named dataset").run()
    page.selectbox("own_named").set_value("huggingface").run()
    page.text_input("own_named_name").set_value(str(saved)).run()
    assert not page.exception
    (shown,) = [table.value for table in page.dataframe]
    assert shown["read as"].tolist() == ["the image", "the label", ""]
    fields = {box.key.rpartition(".")[2]: box for box in page.text_input if box.key.startswith("own_named_form")}
    assert (fields["image"].value, fields["label"].value) == ("img", "fine")
    fields["label"].set_value("rough").run()
    page.button("own_named_read").click().run()
    assert not page.exception
    source = load_recipe(empty_home / "set" / "recipe.toml").source
    assert (source.params["name"], source.params["image"], source.params["label"]) == (str(saved), "img", "rough")


def test_a_folder_outside_of_what_the_app_may_read_is_not_looked_into(app, empty_home, saved, monkeypatch):
    monkeypatch.setenv("WINNOW_ROOTS", str(empty_home))
    page = app()
    page.segmented_control("own_way").set_value("Named dataset").run()
    page.selectbox("own_named").set_value("huggingface").run()
    page.text_input("own_named_name").set_value(str(saved)).run()
    assert ["outside the folders this app may read" in error.value for error in page.error] == [True]
    assert not page.dataframe
