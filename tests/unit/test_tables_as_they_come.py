"""Tables as people have them: separators, blanks, endings, quotes, columns of two roles, and what is said of them."""

import csv
import json

import pyarrow as pa
import pytest
from PIL import Image

from curation.data.decisions import EffectiveDecisions
from curation.data.items import make_items
from curation.data.writing.manifest import Outcome, build
from curation.errors import SourceError
from curation.methods.exporters import csv as csv_exporter
from curation.methods.sources import table


@pytest.fixture
def here(tmp_path):
    """A folder with images img/1.png ... img/4.png."""
    return pictures(tmp_path, *(f"img/{n}.png" for n in (1, 2, 3, 4)))


def pictures(top, *names):
    for shade, name in enumerate(names):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 3), shade).save(top / name)
    return top


def read(path, text=None, **how):
    if text is not None:
        path.write_text(text, encoding="utf-8", newline="")
    into = path.parent / "into"
    into.mkdir(exist_ok=True)
    return table.read(path=path, into=into, progress=lambda *_: None, **how)


def refused(path, match, text=None, **how):
    with pytest.raises(SourceError, match=match) as caught:
        read(path, text, **how)
    assert "\n" not in str(caught.value)


def usable(items):
    assert items.ok.all(), items.column("status").tolist()
    return dict(zip(items.column("path").tolist(), items.column("label").tolist(), strict=True))


CATS = {f"img/{n}.png": f"c{n % 2}" for n in (1, 2, 3, 4)}
LINES = [("path", "label"), *CATS.items()]


# -- separators and blanks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("separator", "said"), [(";", "a semicolon"), ("\t", "a tab"), ("|", "a bar"), (", ", None), (",  ", None)]
)
def test_the_separator_is_seen_and_said_and_blanks_behind_it_do_no_harm(here, separator, said):
    items = read(here / "t.csv", "".join(separator.join(line) + "\n" for line in LINES))
    assert usable(items) == CATS
    assert list(items.notes) == ([f"The cells of t.csv are separated by {said}."] if said else [])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_a_line_for_excel_and_blank_lines_are_read(here, end):
    text = end.join(["sep=;", *(";".join(line) for line in LINES[:3]), "", *(";".join(line) for line in LINES[3:]), ""])
    assert usable(read(here / "t.csv", text)) == CATS


def test_a_comma_in_a_number_or_a_text_does_not_make_it_the_separator(here):
    text = "path;label;share\n" + "".join(f"{path};{label};1,5\n" for path, label in CATS.items())
    assert usable(read(here / "t.csv", text)) == CATS
    text = "path;label;said\n" + "".join(f'{path};{label};"a, b; c"\n' for path, label in CATS.items())
    assert usable(read(here / "t.csv", text)) == CATS


def test_blanks_around_names_paths_and_labels_do_no_harm(here):
    text = " path ,label \n" + "".join(f' {path} , "{label}"\n' for path, label in CATS.items())
    items = read(here / "t.csv", text)
    assert usable(items) == CATS
    assert any("4 paths" in note and "without the blanks around them" in note for note in items.notes)


def test_a_separator_at_the_end_of_every_line_is_no_column(here):
    assert usable(read(here / "t.csv", "".join(f"{a},{b},,\n" for a, b in LINES))) == CATS


# -- quotes and rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (['img/1.png,"c1', "img/2.png,c0"], "line 2 of .* a quote (.*) is opened here and not closed on this line"),
        (['img/1.png,"c1', 'img/2.png,"c0"'], "line 2 of .* is opened here and not closed on this line"),
        (
            ['img/1.png,"c1', "img/2.png,c0", 'img/3.png,c1"'],
            "line 2 of .*: the label .* spans 3 lines",
        ),
        (['"img/1.png', 'img/2.png",c0'], "line 2 of .*: the image .* spans 2 lines"),
        (["img/1.png,c1", 'img/2.png,"c0"x'], "line 3 of .*: a cell goes on behind its closing quote"),
        (
            ["img/1.png,c1", "img/2.png,c0,extra"],
            "line 3 of .* has 3 cells and the header 2; put a text",
        ),
        (["img/1.png,c1", "img/2.png"], "line 3 of .* has 1 cells and the header 2"),
    ],
)
def test_a_row_that_would_swallow_others_is_refused_by_its_line(here, rows, match):
    refused(here / "t.csv", match, "\n".join(["path,label", *rows]) + "\n")


def test_a_quote_within_a_cell_is_a_letter_and_line_ends_within_other_columns_are_too(here):
    text = 'path,label,said\nimg/1.png,5" pipe,"two\nlines"\nimg/2.png,"5"" pipe",\n'
    items = read(here / "t.csv", text)
    assert usable(items) == {"img/1.png": '5" pipe', "img/2.png": '5" pipe'}


def test_a_wrong_cell_is_named_by_its_line_also_behind_a_row_of_several_lines(here):
    text = 'path,said,split\nimg/1.png,"two\nlines",train\n\nimg/2.png,,monday\n'
    refused(here / "t.csv", "line 5 of .*, column 'split': 'monday' is not a split.*split = \"\"", text, label="")
    assert len(read(here / "t.csv", text, label="", split="")) == 2


# -- columns ------------------------------------------------------------------------------------------------------


def test_keys_that_come_late_in_a_jsonl_file_are_columns_too(here):
    rows = [{"path": f"img/{1 + n % 4}.png"} | ({"label": "ab"[n % 2]} if n >= 300 else {}) for n in range(360)]
    items = read(here / "t.jsonl", "\n".join(map(json.dumps, rows)))
    assert (items.column("split") == "unlabeled").sum() == 300
    assert set(items.column("label")[300:]) == {"a", "b"}


def test_one_column_may_tell_items_apart_and_be_their_path_and_no_other_two_roles(here):
    text = "".join(f"{a},{b}\n" for a, b in LINES)
    assert read(here / "t.csv", text, id="path").column("id").tolist() == list(CATS)
    assert read(here / "t.csv", truth="label").column("truth").tolist() == list(CATS.values())
    for role in ("label", "split", "truth"):
        refused(
            here / "t.csv", f"'path' cannot be both the (image and the {role}|{role} and the image)", **{role: "path"}
        )


def test_a_table_without_labels_is_unlabelled_and_one_with_another_column_is_asked_for_it(here):
    only = "path\n" + "".join(f"{path}\n" for path in CATS)
    items = read(here / "t.csv", only)
    assert set(items.column("split")) == {"unlabeled"}
    assert any("no column of labels" in note for note in items.notes)
    other = "path,Species\n" + "".join(f"{a},{b}\n" for a, b in CATS.items())
    refused(here / "t.csv", 'no column \'label\'.* label = "Species", or write label = ""', other)
    assert set(read(here / "t.csv", label="").column("split")) == {"unlabeled"}
    assert usable(read(here / "t.csv", label="Species")) == CATS


def test_a_column_called_id_that_is_none_is_passed_over_unless_it_is_asked_for(here):
    text = "id,path,label\n" + "".join(f"{n % 2},{a},{b}\n" for n, (a, b) in enumerate(CATS.items()))
    items = read(here / "t.csv", text)
    assert items.column("id").tolist() == list(CATS)
    assert any("'id' was not taken for ids, since line 4" in note and "of line 2" in note for note in items.notes)
    refused(here / "t.csv", "line 4 of .* repeats the id '0' of line 2 .*; ids must be unique", id="id")
    assert read(here / "t.csv", id="").column("id").tolist() == list(CATS)
    refused(here / "t.csv", "line 3 of .* has no id", "id,path,label\nx,img/1.png,a\n,img/2.png,a\n", id="id")


def test_a_first_line_of_data_is_asked_for_names(here):
    refused(here / "t.csv", "its first line holds data", "img/1.png,cat\nimg/2.png,dog\n")


# -- paths --------------------------------------------------------------------------------------------------------


def test_an_ending_that_is_left_out_is_found_where_it_can_only_be_one(here):
    items = read(here / "t.csv", "path,label\n" + "".join(f"img/{n},c{n % 2}\n" for n in (1, 2, 3, 4)))
    assert usable(items) == CATS
    assert any("4 paths, such as 'img/1', were found with the ending" in note for note in items.notes)
    pictures(here, "img/1.jpg")
    said = read(here / "t.csv").column("status").tolist()
    assert said == ["the file is missing; there is 1.jpg", "ok", "ok", "ok"]


def test_a_missing_file_is_said_with_what_is_like_it(here):
    text = "path,label\nimg/1.png,a\nimg/2.jpg,a\nIMG/3.png,b\nimg/4.PNG,b\nimg/5.png,b\n"
    assert read(here / "t.csv", text).column("status").tolist() == [
        "ok",
        "the file is missing; there is 2.png",
        "the file is missing",
        "the file is missing; there is 4.png",
        "the file is missing",
    ]


def test_paths_may_start_from_the_tables_folder_where_root_holds_it(here):
    pictures(here, "a/1.png", "b/1.png", "lab/x.png")
    text = "path,label\n../a/1.png,a\n../b/1.png,b\nx.png,a\nimg/1.png,b\n"
    items = read(here / "lab" / "up.csv", text, root=here)
    assert usable(items) == {"a/1.png": "a", "b/1.png": "b", "lab/x.png": "a", "img/1.png": "b"}
    assert any("3 paths, such as '../a/1.png', were found from the folder of the table" in note for note in items.notes)
    refused(here / "lab" / "up.csv", rf'its path leads out of .*lab; write root = "{here}", the folder that holds them',
            "path,label\n../a/1.png,a\n../b/1.png,b\n")  # fmt: skip


def test_web_addresses_and_links_out_are_named(here):
    (here / "in").mkdir()
    (here / "in" / "far").symlink_to(here / "img")
    text = "path,label\nhttps://x.org/1.png,a\nfar/1.png,a\n../img/1.png,a\n"
    refused(here / "in" / "t.csv", "the first, https://x.org/1.png: a web address, not a file", text)
    items = read(here / "in" / "t.csv", root=here)
    assert items.column("status").tolist()[1:] == ["ok", "ok"]


def test_absolute_paths_below_any_root_are_found(here):
    text = "path,label\n" + "".join(f"{here}/{a},{b}\n" for a, b in CATS.items())
    items = read(here / "t.csv", text, root=here.parent)
    assert usable(items) == {f"{here.name}/{a}": b for a, b in CATS.items()}


# -- what Winnow wrote --------------------------------------------------------------------------------------------


NAMES = ["-a.png", "@b.png", "=c.png", "+d.png", "'e.png", "''=f.png", " g .png", "h\u0301.png", 'i,"j".png', "k;l.png"]
LABELS = ["+", "-ve", "=1+1", "@x", "'-1", "a,b", 'c"d', "e\nf", "007", "NA"]


def test_a_csv_that_winnow_wrote_reads_back_letter_for_letter(tmp_path):
    pictures(tmp_path, *NAMES)
    items = make_items(ids=NAMES, paths=NAMES, labels=LABELS, splits=["train"] * 10, root=tmp_path, truth=LABELS)
    made = build(
        Outcome(items, EffectiveDecisions(), items.column("label"), items.classes, scores={"=s": items.codes + 0.5})
    )
    csv_exporter.write(made, path=tmp_path / "out" / "m.csv")
    again = read(tmp_path / "out" / "m.csv", root=tmp_path)
    assert again.ok.all(), again.column("status").tolist()
    for name in ("id", "path", "label", "split"):
        assert again.column(name).tolist() == items.column(name).tolist(), name
    assert table.columns_of(tmp_path / "out" / "m.csv")[-1] == "=s"


def test_a_csv_of_somebody_else_keeps_its_apostrophes(here):
    with (here / "t.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("path", "label"), ("img/1.png", "'=x"), ("img/2.png", "'tis")])
    assert list(usable(read(here / "t.csv")).values()) == ["'=x", "'tis"]


def test_a_manifest_in_parquet_reads_back_too(tmp_path):
    pictures(tmp_path, *NAMES)
    items = make_items(ids=NAMES, paths=NAMES, labels=LABELS, splits=["train"] * 10, root=tmp_path)
    made = build(Outcome(items, EffectiveDecisions(), items.column("label"), items.classes))
    pa.parquet.write_table(made, tmp_path / "m.parquet")
    again = read(tmp_path / "m.parquet")
    assert again.column("id").tolist() == NAMES
    assert again.column("label").tolist() == LABELS
