"""What must hold of every archive, table, recipe, key and budget; Hypothesis looks for one of which it does not."""

import csv
import io
import json
import string
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

import pyarrow as pa
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.data.budget import budget
from curation.data.reading.archives import unpack
from curation.data.reading.cells import as_label
from curation.data.reading.tables import columns_of, read_rows
from curation.data.workspace import key_of
from curation.data.writing.atomic import active
from curation.engine.recipe import parse_recipe
from curation.errors import SourceError, WinnowError
from curation.methods.exporters import csv as csv_exporter

QUICK = settings(max_examples=60, deadline=None)
PARTS = st.one_of(
    st.sampled_from(["..", ".", "", "a", "A", "con", "é", "e\u0301", "x" * 250, " b", "c.", "\u202e", "C:", "~"]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=6),  # both forms end there
)
NAMES = st.lists(PARTS, min_size=1, max_size=5).map("/".join).map(lambda name: name + ".png")
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=12)


def png():
    out = io.BytesIO()
    Image.new("L", (2, 2)).save(out, "PNG")
    return out.getvalue()


PNG = png()


def one_line(error):
    assert str(error).strip()
    assert "\n" not in str(error)


@QUICK
@given(st.lists(NAMES, max_size=6), st.booleans())
def test_whatever_its_members_are_called_an_archive_stays_in_its_folder_and_loses_none(names, zipped):
    with tempfile.TemporaryDirectory() as top:
        path, target = Path(top, "a.zip"), Path(top, "project", "files")
        target.mkdir(parents=True)
        try:
            _packed(path, names, zipped)
        except ValueError:  # this form of archive cannot say it
            return
        try:
            done = unpack(path, target, lambda *_: None)
        except SourceError as error:
            one_line(error)
            return
        finally:
            assert {entry.name for entry in Path(top).iterdir()} == {"a.zip", "project"}
            assert {entry.name for entry in Path(top, "project").iterdir()} == {"files"}
        assert not any(".." in name.split("/") for name in names)
        assert len({name.casefold() for name in done.paths}) == len(done.paths)
        for name in done.paths:
            assert (target / name).read_bytes() == PNG
            assert (target / name).resolve().is_relative_to(target.resolve())


def _packed(path, names, zipped):
    if zipped:
        with zipfile.ZipFile(path, "w") as out:
            for name in dict.fromkeys(names):
                out.writestr(name, PNG)
        return
    with tarfile.open(path, "w") as out:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(PNG)
            out.addfile(info, io.BytesIO(PNG))


@QUICK
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8), st.sampled_from(["csv", "jsonl"]))
def test_a_table_gives_back_the_texts_that_were_written(rows, kind):
    with tempfile.TemporaryDirectory() as top:
        path = Path(top, f"t.{kind}")
        with path.open("w", encoding="utf-8", newline="") as out:
            if kind == "csv":
                writer = csv.writer(out, quoting=csv.QUOTE_ALL)
                writer.writerows([("path", "label"), *rows])
            else:
                out.writelines(json.dumps({"path": a, "label": b}) + "\n" for a, b in rows)
        assert columns_of(path) == ["path", "label"]
        batches = list(read_rows(path, ["path", "label"]))
        read = [(a, b) for batch in batches for a, b in zip(batch["path"], batch["label"], strict=True)]
        assert read == rows


@QUICK
@given(st.binary(max_size=400), st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_whatever_bytes_a_table_has_it_is_read_or_refused_in_a_sentence(data, kind):
    with tempfile.TemporaryDirectory() as top:
        path = Path(top, f"t.{kind}")
        path.write_bytes(data)
        try:
            for _ in read_rows(path, columns_of(path)[:3]):
                pass
        except SourceError as error:
            one_line(error)


@QUICK
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_an_exported_csv_gives_back_every_text_and_starts_no_formula(labels):
    with tempfile.TemporaryDirectory() as top:
        (path,) = csv_exporter.write(pa.table({"label": labels, "kept": [True] * len(labels)}), path=Path(top, "o.csv"))
        with path.open(newline="", encoding="utf-8") as lines:
            cells = [row["label"] for row in csv.DictReader(lines)]
    assert [active(cell) for cell in cells] == labels
    assert not any(cell.startswith(("=", "@", "\t")) for cell in cells)


@given(st.one_of(st.none(), st.floats(), st.integers(), st.booleans(), st.text(max_size=30), st.binary(max_size=30)))
def test_a_label_read_twice_is_the_same_label(cell):
    label = as_label(cell)
    assert label is None or (label == label.strip() != "" and as_label(label) == label)


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**62), 2**62), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
SECTIONS = ("source", "encode", "score", "flag", "map", "prune", "verify", "export", "decision", "evidence", "x")
KEYS = st.one_of(st.sampled_from(["use", "name", "keep", "by", "path", "seed", "mistakes", "id", "action"]), TEXTS)
PART = st.dictionaries(
    KEYS, st.one_of(VALUES, st.sampled_from(["sample", "random", "aum", "pixels", "csv"])), max_size=4
)


@QUICK
@given(st.dictionaries(st.sampled_from(SECTIONS), st.one_of(PART, st.lists(PART, max_size=2), VALUES), max_size=4))
def test_whatever_a_recipe_says_it_is_read_or_refused_in_a_sentence(raw):
    try:
        recipe = parse_recipe(raw)
    except WinnowError as error:
        one_line(error)
        return
    assert parse_recipe(tomllib.loads(recipe.toml())).toml() == recipe.toml()


@QUICK
@given(
    st.sampled_from([0.0, 0.05, 0.5]),
    st.floats(0.01, 1.0),
    st.booleans(),
    st.integers(0, 2**31),
    st.text(string.ascii_letters, min_size=1, max_size=8),
)
def test_a_recipe_written_out_reads_back_equal(mistakes, keep, balance, seed, name):
    prune = {"use": "random", "name": name, "keep": keep, "balance": balance, "seed": seed}
    recipe = parse_recipe({"source": {"use": "sample", "mistakes": mistakes}, "prune": [prune]})
    again = parse_recipe(tomllib.loads(recipe.toml()))
    assert again == recipe
    assert tomli_w.dumps(tomllib.loads(recipe.toml())) == tomli_w.dumps(tomllib.loads(again.toml()))


JSON = st.dictionaries(TEXTS, st.one_of(st.integers(), st.floats(allow_nan=False), TEXTS, st.booleans()), max_size=5)


@given(JSON, JSON)
def test_keys_are_equal_for_equal_parameters_in_any_order_and_for_no_others(one, other):
    assert key_of(params=one) == key_of(params=dict(reversed(one.items())))
    said = [json.dumps(params, sort_keys=True) for params in (one, other)]
    assert (key_of(params=one) == key_of(params=other)) == (said[0] == said[1])


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 10**7))
def test_a_budget_fits_is_at_least_one_and_grows_with_the_share(a, b, n):
    low, high = sorted((budget(a, n), budget(b, n)))
    assert 1 <= low <= high <= n
    assert (budget(a, n) <= budget(b, n)) if a <= b else (budget(a, n) >= budget(b, n))
    assert abs(budget(a, n) - a * n) <= 0.5 or budget(a, n) == 1
