"""What must stay together: copies, groups and parents, from the recipe to the hold-out."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.data.grouping import with_groups
from curation.data.holdout import with_holdout
from curation.data.items import SCHEMA, UNLABELED, Items, make_items
from curation.data.unlabelled import unlabelled_ids
from curation.data.workspace import Workspace
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.errors import RecipeError, SourceError, WinnowError

FIRST = ("id", "path", "label", "split", "width", "height", "bytes", "hash", "status", "truth")


def made(n=60, classes=3, **columns) -> Items:
    labels = [f"class {i % classes}" for i in range(n)]
    given = {"ids": [f"item {i:02d}" for i in range(n)], "labels": labels, "splits": ["train"] * n, **columns}
    return make_items(**given, features=np.zeros((n, 2), np.float32))


def sides(items: Items, names: np.ndarray) -> tuple[set, set]:
    """The names on the train side and on the test side."""
    return set(names[items.rows("train")]), set(names[items.rows("test")])


# -- groups -----------------------------------------------------------------------------------------------------


def test_items_are_together_by_equal_content_by_group_and_by_parent():
    ids, nobody = ["scan", "a", "b", "c", "d", "e", "f"], [None] * 7
    hashes = ["h0", "h1", "h1", "h3", "h4", None, None]
    alone = made(7, ids=ids, hashes=hashes)
    assert len(set(alone.groups.tolist())) == 6
    assert alone.groups[1] == alone.groups[2]
    assert np.array_equal(alone.groups, alone.copies)
    group = ["p", None, "p", None, None, "q", "q"]
    linked = made(7, ids=ids, hashes=hashes, groups=group).groups
    assert linked[0] == linked[2] == linked[1]  # by the group, and from there by equal content
    assert linked[5] == linked[6]
    assert len(set(linked.tolist())) == 4
    parents = [None, None, None, "scan", "scan", *nobody[:2]]
    boxes = made(7, ids=ids, hashes=hashes, parents=parents).groups
    assert boxes[3] == boxes[4] == boxes[0]  # the parent is an item itself
    assert len(set(boxes.tolist())) == 4


def test_a_hold_out_never_divides_copies_groups_or_parents():
    numbers = np.arange(60)
    columns = {
        "hashes": [f"{i // 6:032x}" for i in numbers],  # ten contents, six copies of each
        "groups": [f"patient {i % 12}" for i in numbers],
        "parents": [f"scan {i // 3}" for i in numbers],
    }
    for name, values in columns.items():
        items = with_holdout(made(labels=[f"class {i // 30}" for i in numbers], **{name: values}), 0.3)
        train, test = sides(items, np.array(values))
        assert test
        assert not train & test, name


def test_folders_file_names_and_columns_say_the_group(tmp_path):
    names = ["cat/p1/a_1.png", "dog/p1/a_2.png", "dog/p2/b.png", "top.png"]
    items = make_items(ids=names, paths=names, labels=list("abab"), splits=["train"] * 4, root=tmp_path)
    assert with_groups(items, "folder").column("group").tolist() == ["p1", "p1", "p2", None]
    assert with_groups(items, "prefix:_").column("group").tolist() == ["a", "a", "b", "top"]
    assert "3 items are in 2 groups, the largest is 'p1' with 2; 1 items" in with_groups(items, "folder").notes[-1]
    assert with_groups(items, "") is items
    for group, why in {"prefix:": "separator is missing", "patient": "no column 'patient'"}.items():
        with pytest.raises(SourceError, match=why):
            with_groups(items, group)


@pytest.mark.parametrize(
    ("groups", "why"), [(["a"] * 6, "all 6 items are one group, 'a'"), ([None] * 6, "no item has")]
)
def test_groups_that_cannot_divide_anything_are_refused(groups, why):
    with pytest.raises(SourceError, match=why):
        made(6, groups=groups)


# -- from a recipe ------------------------------------------------------------------------------------------------


@pytest.fixture
def patients(tmp_path):
    """Eight patients with five pictures each, of two classes, as a folder, a table and arrays."""
    (tmp_path / "d").mkdir()
    lines, rng = ["path,label,who"], np.random.default_rng(0)
    for k in range(40):
        name = f"d/{'ab'[k % 2]}/p{k // 5}_{k}.png"
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (4, 4), np.uint8)).save(tmp_path / name)
        lines.append(f"{name},{'ab'[k % 2]},p{k // 5}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    who = np.array([f"p{k // 5}" for k in range(40)])
    np.savez(tmp_path / "x.npz", features=rng.normal(size=(40, 3)), labels=np.arange(40) % 2, who=who)
    return tmp_path


@pytest.mark.parametrize(
    "source",
    [
        {"use": "folder", "path": "d", "group": "prefix:_"},
        {"use": "table", "path": "t.csv", "group": "who"},
        {"use": "table", "path": "t.csv", "group": "prefix:_"},
        {"use": "arrays", "path": "x.npz", "group": "who"},
    ],
    ids=lambda source: f"{source['use']} {source['group']}",
)
def test_a_recipe_that_names_groups_holds_out_whole_patients(patients, source):
    recipe = parse_recipe({"source": {**source, "path": str(patients / source["path"])}})
    run(recipe, patients / "w", device="cpu")
    items = Items.load(next((patients / "w" / "source").glob("[!.]*")))
    train, test = sides(items, items.column("group"))
    assert test
    assert not train & test
    assert train | test == {f"p{k}" for k in range(8)}
    assert any("40 items are in 8 groups" in note for note in items.notes)


def test_a_group_nobody_brings_ends_in_one_line(patients):
    for use, path, group in (("folder", "d", "who"), ("table", "t.csv", "nobody"), ("arrays", "x.npz", "nobody")):
        recipe = parse_recipe({"source": {"use": use, "path": str(patients / path), "group": group}})
        with pytest.raises(WinnowError, match=f"'{group}'") as caught:
            run(recipe, patients / f"w {use}", device="cpu")
        assert "\n" not in str(caught.value)


def test_no_group_leaves_the_key_and_a_group_makes_another(patients):
    def key(**more):
        recipe = parse_recipe({"source": {"use": "folder", "path": str(patients / "d"), **more}})
        return plan(recipe, Workspace(patients / "k")).find("source").key

    assert key() == key(group="") != key(group="folder")
    with pytest.raises(RecipeError, match="group"):
        key(group=3)


# -- the table --------------------------------------------------------------------------------------------------


def test_a_workspace_from_before_the_new_columns_opens_unchanged(tmp_path):
    items = made(4, hashes=["h0", "h1", "h1", None])
    old = items.table.select(FIRST).cast(pa.schema([SCHEMA.field(name) for name in FIRST]))
    about = {"classes": items.classes, "root": None, "notes": ["as read"]}
    pq.write_table(old.replace_schema_metadata({"winnow": json.dumps(about)}), tmp_path / "items.parquet")
    loaded = Items.load(tmp_path)
    assert loaded.table.column_names == SCHEMA.names
    assert loaded.column("label").tolist() == items.column("label").tolist()
    assert loaded.column("kind").tolist() == loaded.column("parent").tolist() == [None] * 4
    assert np.array_equal(loaded.groups, items.copies)
    assert loaded.notes == ("as read",)


def test_items_come_back_from_the_disk_as_they_were(tmp_path):
    items = made(
        6, labels=["a", None, "b", "a", None, "b"], truth=list("abbaab"), groups=["p", None, "p", "q", "q", None],
        parents=[None, "item 00", None, None, None, None], status=["ok", "ok", "damaged", "ok", "ok", "ok"],
    )  # fmt: skip
    items.save(tmp_path)
    loaded = Items.load(tmp_path)
    for name in SCHEMA.names:
        assert loaded.table[name].to_pylist() == items.table[name].to_pylist(), name
        assert [loaded.cell(name, row) for row in range(len(items))] == items.table[name].to_pylist(), name
    assert loaded.has("label", "a", "nothing").tolist() == [label == "a" for label in loaded.column("label")]
    assert loaded.has("group", "p").tolist() == [True, False, True, False, False, False]
    waiting = {items.cell("id", row) for row in items.rows(UNLABELED)}
    assert waiting
    assert unlabelled_ids(tmp_path) == waiting
    for name in ("codes", "ok", "copies", "groups"):
        assert np.array_equal(getattr(loaded, name), getattr(items, name)), name
    assert loaded.row_of == items.row_of
    assert pq.read_schema(tmp_path / "items.parquet").remove_metadata() == SCHEMA
