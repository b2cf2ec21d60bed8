"""A URL on the page Data: what was listed is shown before it is read, and a secret is shown to nobody."""

import io

import pytest
from PIL import Image

from curation.data.remote.location import Remote
from curation.engine.recipe import load_recipe
from tests.stores import SECRET, s3_bucket


@pytest.fixture
def bucket():
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    with s3_bucket() as bucket:
        for name in ("train/cat/1.png", "train/dog/1.png", "test/cat/2.png"):
            bucket.put(f"pets/{name}", out.getvalue())
        yield bucket


@pytest.fixture
def typed(app, monkeypatch):
    monkeypatch.delenv("WINNOW_ROOTS", raising=False)

    def typed(text):
        page = app()
        page.segmented_control("own_way").set_value("Path on the server").run()
        page.text_input("own_path").set_value(text).run()
        assert not page.exception
        return page

    return typed


def test_a_url_is_listed_shown_and_read_by_a_job(empty_home, bucket, typed, monkeypatch):
    started = []
    monkeypatch.setattr("curation.engine.jobs.Jobs.start", lambda jobs, recipe, title, *_, **__: started.append(title))
    page = typed("s3://winnow/pets")
    assert any("train 2, test 1; 2 classes" in caption.value.replace("\\", "") for caption in page.caption)
    page.checkbox("own_cache").check().run()
    page.button("own_path_read").click().run()
    assert not page.exception
    assert started == ["Read pets"]
    recipe = load_recipe(empty_home / "pets" / "recipe.toml")
    assert recipe.source.cache is True
    assert (recipe.source.use, recipe.source.params["path"]) == ("folder", Remote("s3://winnow/pets"))


def test_a_typed_url_is_asked_for_once_and_anew_when_it_is_read(empty_home, bucket, typed, monkeypatch):
    monkeypatch.setattr("curation.engine.jobs.Jobs.start", lambda *_, **__: None)
    page = typed("s3://winnow/pets")
    assert 0 < (first := bucket.requests.total()) <= 12
    page.segmented_control("own_way").set_value("Upload").run()
    page.segmented_control("own_way").set_value("Path on the server").run()
    page.text_input("own_path").set_value("s3://winnow/pets").run()
    page.run()
    assert bucket.requests.total() == first
    page.button("own_path_read").click().run()
    assert not page.exception
    assert bucket.requests.total() > first  # the project looks for itself


def test_of_a_bucket_of_many_objects_some_are_shown_and_it_says_so(bucket, typed):
    png = bucket.get("pets/train/cat/1.png")
    for i in range(1200):
        bucket.put(f"many/{('test', 'train')[i % 2]}/{('cat', 'dog')[i // 2 % 2]}/{i:04d}.png", png)
    page = typed("s3://winnow/many")
    said = [caption.value.replace("\\", "") for caption in page.caption]
    assert any("A first look at 1,000 files of all folders" in caption for caption in said), said
    assert any("train 500, test 500; 2 classes: cat, dog" in caption for caption in said), said
    assert bucket.requests.total() < 25


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"https://host/a.tar?sig={SECRET}", "carries a query or a password"),
        ("s3://winnow/nothing", "or a web server was asked for a folder"),
        ("memory://pets", "expected a URL that starts with"),
        ("https://localhost/pets.tar", "its address is not public"),
    ],
)
def test_a_url_that_cannot_be_read_is_one_sentence(bucket, typed, text, said):
    page = typed(text)
    assert [said in error.value.replace("\\", "") for error in page.error] == [True]
    assert SECRET not in page.error[0].value
