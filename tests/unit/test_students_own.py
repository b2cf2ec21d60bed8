"""A person's own network as a student: learning, what is refused in one sentence, and a run with it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curation.data.view import View
from curation.errors import InputError, RunError, UnavailableError
from curation.methods.students import module, module_embeddings
from tests.unit.small_students import DATA, OWN, SMALL, accuracy, blobs, stripes


@pytest.fixture(autouse=True)
def own_module(tmp_path, monkeypatch):
    """A person's file of networks in the current folder."""
    (tmp_path / "winnow_own_nets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)


def own(name: str, view: View | None = None, student=module_embeddings, **more):
    return student.train(view or blobs(), seed=0, device="cpu", path=f"winnow_own_nets:{name}", steps=2, **more)


def test_an_own_module_learns_on_pixels_and_on_embeddings():
    for name in ("module", "module_embeddings"):
        view = DATA[name](60)
        assert accuracy(SMALL[name](view, steps=300), view) >= 0.9


def test_an_own_module_gets_pixels_with_the_mean_and_spread_of_imagenet(tmp_path):
    (tmp_path / "winnow_own_eyes.py").write_text(
        "import torch\nseen = []\n"
        "class Net(torch.nn.Linear):\n"
        "    def __init__(self, classes):\n        super().__init__(3, classes)\n"
        "    def forward(self, x):\n        seen.append(x)\n        return super().forward(x.mean((2, 3)))\n"
    )
    import sys

    view = View.of(pixels=np.full((8, 9, 9, 3), 255, np.uint8), labels=np.array([0, 1] * 4))
    module.train(view, seed=0, device="cpu", path="winnow_own_eyes:Net", steps=1)
    seen = sys.modules["winnow_own_eyes"].seen[0]
    assert seen.shape == (8, 3, 9, 9)
    np.testing.assert_allclose(seen[0, :, 0, 0], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], 1e-5)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Loud", r"winnow_own_nets:Loud raised ValueError: the tea is cold for an input of shape \[20, 2\]"),
        ("InPlace", "winnow_own_nets:InPlace: training it raised RuntimeError: one of the variables needed"),
        ("needs_more", r"needs_more raised TypeError: needs_more\(\) missing 1 .*'depth' when called with classes=3"),
        ("no_network", "no_network: calling it gave a list; expected a torch.nn.Module"),
        ("sums_up", r"sums_up: .*it gave \[60\]; expected logits of shape \[20, 3\]"),
    ],
)
def test_an_own_module_that_fails_is_named_with_what_it_raised(name, said):
    with pytest.raises(RunError, match=said):
        own(name, batch=20)


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("", UnavailableError, "not told which network to train; give the module"),
        ("my_nets/small.py", UnavailableError, "'my_nets/small.py' is not an import path"),
        ("no_such_nets.small:Net", UnavailableError, "no module no_such_nets.small in .* correct the path"),
        ("winnow_own_nets:Nut", InputError, "winnow_own_nets has nothing of that name"),
        ("winnow_own_nets:bare", InputError, "has a int of that name; expected a class or function"),
        ("winnow_broken_nets:Net", InputError, "importing it raised SyntaxError"),
        ("winnow_leaving_nets:Net", InputError, "importing it raised SystemExit: 3"),
    ],
)
@pytest.mark.parametrize("student", [module, module_embeddings])
def test_a_path_that_is_of_no_use_is_refused_in_one_sentence(student, path, error, said, tmp_path):
    (tmp_path / "winnow_broken_nets.py").write_text("def Net(:\n")
    (tmp_path / "winnow_leaving_nets.py").write_text("import sys\nsys.exit(3)\n")
    view = stripes() if student is module else blobs()
    with pytest.raises(error, match=said) as caught:
        student.train(view, seed=0, device="cpu", path=path)
    assert "\n" not in str(caught.value)
    if error is UnavailableError:  # known before a run starts
        with pytest.raises(error, match=said):
            student.preflight(path=path)
        assert student.files(path=path) == []


def test_asking_where_a_module_is_does_not_run_it(tmp_path):
    (tmp_path / "winnow_unread_nets.py").write_text("raise RuntimeError('ran')\n")
    module.preflight(path="winnow_unread_nets:Net")
    assert module.files(path="winnow_unread_nets:Net") == [tmp_path / "winnow_unread_nets.py"]


def test_a_module_in_a_package_may_import_its_neighbours(tmp_path):
    package = tmp_path / "winnow_own_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("from torch.nn import Linear\n")
    (package / "small.py").write_text("from .parts import Linear\ndef net(classes):\n    return Linear(2, classes)\n")
    path = "winnow_own_package.small:net"
    assert module_embeddings.files(path=path) == [package / "small.py"]
    assert accuracy(module_embeddings.train(blobs(), seed=0, device="cpu", path=path, lr=0.1), blobs()) > 0.9


def test_a_module_that_was_changed_is_read_again(tmp_path):
    import os

    file = tmp_path / "winnow_changing_nets.py"
    for at, outputs in ((1, "classes"), (2, "classes + 1")):
        file.write_text(f"from torch import nn\ndef net(classes):\n    return nn.Linear(2, {outputs})\n")
        os.utime(file, (at, at))
        fit = partial(module_embeddings.train, blobs(), seed=0, device="cpu", path="winnow_changing_nets:net", steps=1)
        if at == 1:
            fit()
    with pytest.raises(RunError, match=r"it gave \[40, 4\]"):
        fit()


# -- through a run ----------------------------------------------------------------------------------------------


def verified(tmp_path, **verify):
    """Rows of a verification on forty points, and whether each was there already."""
    from curation.engine.recipe import parse_recipe
    from curation.engine.run import run

    points, data = blobs(), tmp_path / "points.npz"
    if not data.exists():
        names, split = np.array(list("abc"))[points.labels], np.where(np.arange(40) < 30, "train", "test")
        np.savez(data, features=points.embeddings, labels=names, split=split)
    recipe = {
        "source": {"use": "arrays", "path": str(data)},
        "encode": {"use": "precomputed"},
        "verify": {"seeds": 1, "steps": 30, **verify},
    }
    made = run(parse_recipe(recipe), tmp_path / "w")
    return made, [step["cached"] for step in made.steps if step["stage"] == "verify"]


def test_a_changed_file_is_another_student(tmp_path):
    use = {"use": "module_embeddings", "path": "winnow_own_nets:flat", "lr": 0.02}
    made, cached = verified(tmp_path, **use)
    assert not any(cached)
    assert made.verify[0]["accuracy"] > 0.8
    assert all(verified(tmp_path, **use)[1])
    (tmp_path / "winnow_own_nets.py").write_text(OWN + "# deeper\n")
    assert not any(verified(tmp_path, **use)[1])


def test_a_module_that_raises_does_not_stop_the_grid_and_one_that_is_not_there_stops_it_before_it_starts(tmp_path):
    made, _ = verified(tmp_path, use="module_embeddings", path="winnow_own_nets:Loud")
    assert made.failed
    assert all("Loud raised ValueError: the tea is cold" in sentence for sentence in made.failed)
    with pytest.raises(UnavailableError, match="there is no module winnow_absent"):
        verified(tmp_path, use="module_embeddings", path="winnow_absent:Net")
