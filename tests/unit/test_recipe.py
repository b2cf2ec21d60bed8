import re
import tomllib

import pytest

from curation.engine.recipe import load_recipe, parse_recipe
from curation.errors import RecipeError

FULL = """
[source]
use = "sample"
mistakes = 0.05

[[prune]]
name = "half"
use = "by_score"
by = "aum"
keep = 0.5
balance = true

[[prune]]
use = "random"
keep = 1

[[export]]
use = "csv"
prune = "half"
path = "out/pruned.csv"

[[decision]]
id = "0007"
action = "relabel"
value = "3"
"""


def write(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_recipe_written_in_full_reads_back_equal(tmp_path):
    recipe = load_recipe(write(tmp_path, FULL))
    again = load_recipe(write(tmp_path, recipe.toml()))
    assert again == recipe
    assert again.toml() == recipe.toml()
    assert 'order = "hard"' in recipe.toml()  # parameters nobody wrote are spelt out


def test_names_default_to_the_method_and_whole_numbers_are_shares_too(tmp_path):
    recipe = load_recipe(write(tmp_path, FULL))
    assert [p.name for p in recipe.prune] == ["half", "random"]
    assert recipe.prune[1].keep == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[[prune]]\nname", "[[prnue]]\nname"), "unknown section 'prnue'; did you mean 'prune'?"),
        (("mistakes = 0.05", "mistaks = 0.05"), "sample has no parameter 'mistaks'; did you mean 'mistakes'?"),
        (("keep = 0.5", "kep = 0.5"), "has no parameter 'kep'; did you mean 'keep'?"),
        (("keep = 0.5\n", ""), "keep is required"),
        (("keep = 0.5", "keep = 0"), "keep = 0: expected the share kept, above 0 and up to 1"),
        (("keep = 0.5", "keep = 1.5"), "keep = 1.5: expected the share kept, above 0 and up to 1"),
        (("keep = 0.5", 'keep = "half"'), "keep = 'half'"),
        (("keep = 0.5", "keep = true"), "keep = True"),
        (('"by_score"', '"by_scroe"'), "there is no pruner 'by_scroe'; did you mean 'by_score'?"),
        (('use = "sample"', 'use = "smaple"'), "there is no source 'smaple'; did you mean 'sample'?"),
        (
            ('prune = "half"', 'prune = "hlaf"'),
            "prune = 'hlaf' names no [[prune]] of this recipe; did you mean 'half'?",
        ),
        (("mistakes = 0.05", "mistakes = 0.9"), "mistakes = 0.9: input should be less than or equal to 0.5"),
        (('action = "relabel"', 'action = "relable"'), "did you mean 'relabel'?"),
        (("[source]", "[sauce]"), "unknown section 'sauce'; did you mean 'source'?"),
        (("balance = true", "balance = true\nwithout = ['twins']"), "without = 'twins' names no [[flag]]"),
        (("[source]", "[source"), "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_names_it(tmp_path, change, message):
    text = FULL.replace(*change, 1)
    assert text != FULL
    with pytest.raises(RecipeError, match=re.escape(message)) as caught:
        load_recipe(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_names_the_file(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*nowhere\.toml"):
        load_recipe(tmp_path / "nowhere.toml")


def test_a_section_that_stands_once_cannot_stand_twice():
    with pytest.raises(RecipeError, match=r"write \[source\], a section that can appear only once"):
        parse_recipe({"source": [{"use": "sample"}, {"use": "sample"}]})


def test_two_subsets_need_two_names():
    prune = {"use": "random", "keep": 0.5}
    with pytest.raises(RecipeError, match="the name 'random' is used twice"):
        parse_recipe({"source": {"use": "sample"}, "prune": [prune, prune]})


@pytest.mark.parametrize(("name", "use"), [("random", "k_center"), ("full", "k_center"), ("full", "random")])
def test_a_subset_may_not_be_called_as_verification_calls_its_own_trials(name, use):
    prune = {"name": name, "use": use, "keep": 0.2}
    with pytest.raises(RecipeError, match=f"choose another name, such as '{use}-20'"):
        parse_recipe({"source": {"use": "sample"}, "prune": [prune]})
    parse_recipe({"source": {"use": "sample"}, "prune": [{"use": "random", "keep": 0.2}]})  # it is what it is called


def test_a_name_that_turns_text_around_is_spelt_out_and_read_back():
    name = "a\u202egnp.exe"
    decision = {"id": name, "action": "relabel", "value": f"{name}\u2066"}
    recipe = parse_recipe({"source": {"use": "sample"}, "decision": [decision]})
    assert "a\\u202Egnp.exe" in recipe.toml()
    assert name not in recipe.toml()
    again = parse_recipe(tomllib.loads(recipe.toml()))
    assert (again.decision[0].id, again.decision[0].value) == (name, f"{name}\u2066")


def test_an_empty_text_that_means_something_is_written_and_read_back(tmp_path):
    (tmp_path / "t.csv").write_text("path,label\n")
    raw = {"source": {"use": "table", "path": str(tmp_path / "t.csv"), "label": "", "split": ""}}
    recipe = parse_recipe(raw)
    again = load_recipe(write(tmp_path, recipe.toml()))
    assert again.source.params["label"] == again.source.params["split"] == ""
    assert again == recipe
