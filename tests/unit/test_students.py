"""Students on inputs small enough to check by eye, and the head against scikit-learn on real digits."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from curation.data.view import View
from curation.engine import registry
from curation.errors import InputError, RunError, UnavailableError
from curation.methods.students import cnn, head, module, module_embeddings, resnet18, resnet50
from curation.training import loop, nets
from curation.training.augment import crop_flip


class Spy:
    """A record that keeps everything it is told."""

    def __init__(self):
        self.epochs, self.clean, self._seen = [], [], []

    def batch(self, positions, logits):
        self._seen += list(zip(positions.tolist(), logits, strict=True))

    def epoch(self, predict, weights=None):
        self.epochs.append(self._seen)
        self.clean.append(predict())
        self._seen = []


def blobs(m: int = 40) -> View:
    """Three separate clouds in the plane, one per class."""
    rng = np.random.default_rng(0)
    labels = np.arange(m) % 3
    centres = np.array([[0, 0], [6, 0], [0, 6]])
    x = (centres[labels] + rng.normal(size=(m, 2))).astype(np.float32)
    return View.of(embeddings=x, labels=labels)


def stripes(m: int = 32, side: int = 8) -> View:
    """Noisy small images: class 0 has a bright row, class 1 a bright column."""
    rng = np.random.default_rng(0)
    labels = np.arange(m) % 2
    pixels = rng.integers(0, 60, size=(m, side, side, 3), dtype=np.uint8)
    for i, label in enumerate(labels):
        at = rng.integers(2, side - 2)
        pixels[i][(slice(None), at) if label else at] = 255
    return View.of(pixels=pixels, labels=labels)


OWN = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Dropout(0.1))
        self.last = nn.Linear(32, classes)
        self.layers(torch.zeros(1, 3, 8, 8))

    def forward(self, x):
        assert x.is_contiguous()
        return self.last(self.layers(x).view(len(x), -1))

def flat(classes):
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, classes))

def sums_up(classes):
    return nn.Sequential(nn.Linear(2, classes), nn.Flatten(0))

class Loud(nn.Linear):
    def __init__(self, classes):
        super().__init__(2, classes)

    def forward(self, x):
        raise ValueError("the tea is cold")

class InPlace(nn.Linear):
    def __init__(self, classes):
        super().__init__(2, classes)

    def forward(self, x):
        z = super().forward(x).exp()
        z.mul_(2)  # the gradient of exp needs what was there before
        return z

def needs_more(classes, depth):
    return nn.Identity()

def no_network(classes):
    return [classes]

bare = 3
"""


@pytest.fixture(autouse=True)
def own_module(tmp_path, monkeypatch):
    """A person's file of networks in the current folder."""
    (tmp_path / "winnow_own_nets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)


def trained(student, **set_):
    """A student as in a recipe, with few steps."""
    return lambda view, **more: student.train(view, device="cpu", **{"seed": 0, **set_, **more})


SMALL = {
    "head": trained(head),
    "hidden": trained(head, hidden=8),
    "cnn": trained(cnn, width=4, batch=16),
    "resnet18": trained(resnet18, batch=32, steps=3),
    "module": trained(module, path="winnow_own_nets:Small", batch=16, steps=100, lr=0.02),
    "module_embeddings": trained(module_embeddings, path="winnow_own_nets:flat", batch=16, steps=100, lr=0.02),
}
ON_PIXELS = ("cnn", "resnet18", "module")  # ResNet-50 differs in its depth alone, and takes its time
DATA = {name: stripes if name in ON_PIXELS else blobs for name in SMALL}
students = pytest.mark.parametrize("name", SMALL)


def accuracy(student, view: View) -> float:
    return float((student.logits(view).argmax(axis=1) == view.labels).mean())


@pytest.fixture(scope="module")
def digits():
    """Train and test view of scikit-learn's digits."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    whole = View.of(embeddings=x.astype(np.float32), labels=y)
    return whole.subset(order[:1400]), whole.subset(order[1400:])


def logistic_regression(train: View, test: View, l2: float):
    """Converged scikit-learn probabilities for the test view."""
    centre, scale = train.embeddings.mean(axis=0), np.sqrt(train.embeddings.var(axis=0).mean())
    model = LogisticRegression(C=1 / l2, max_iter=5000, tol=1e-8)
    return model.fit((train.embeddings - centre) / scale, train.labels).predict_proba(
        (test.embeddings - centre) / scale
    )


def test_the_head_is_as_good_on_digits_as_a_converged_logistic_regression(digits):
    train, test = digits
    reference = (logistic_regression(train, test, l2=1).argmax(axis=1) == test.labels).mean()
    assert abs(accuracy(head.train(train, seed=0, device="cpu"), test) - reference) <= 0.01


def test_a_head_that_is_trained_to_the_end_is_scikit_learns_logistic_regression(digits):
    train, test = digits
    train = train.subset(np.arange(300))  # one batch: every step sees all rows
    logits = head.train(train, seed=0, device="cpu", l2=10, epochs=1000).logits(test)
    assert np.allclose(softmax(logits, axis=1), logistic_regression(train, test, l2=10), atol=2e-3)


def test_twenty_items_still_train_a_head_properly(digits):
    train, test = digits
    few = np.concatenate([np.flatnonzero(train.labels == c)[:2] for c in range(10)])
    assert accuracy(head.train(train.subset(few), seed=0, device="cpu"), test) > 0.6


def test_a_hidden_layer_tells_apart_what_no_line_can():
    x = np.array([[0, 0], [1, 1], [0, 1], [1, 0]] * 10, dtype=np.float32)
    view = View.of(embeddings=x, labels=np.array([0, 0, 1, 1] * 10))
    assert accuracy(head.train(view, seed=0, device="cpu", l2=0), view) < 0.8
    assert accuracy(head.train(view, seed=0, device="cpu", l2=0, hidden=32), view) == 1.0


def test_the_cnn_learns_rows_from_columns_it_has_not_seen():
    view = stripes(64)
    student = SMALL["cnn"](view.subset(np.arange(32)))
    assert accuracy(student, view.subset(np.arange(32, 64))) >= 0.9


@students
def test_same_seed_same_student_and_no_global_state_is_touched(name):
    view = DATA[name]()
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what must stay
    first, again, other = (SMALL[name](view, seed=seed).logits(view) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
    assert torch.equal(before, torch.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()  # noqa: NPY002
    assert torch.get_num_threads() == threads


@students
def test_every_epoch_shows_every_row_exactly_once(name):
    view, spy = DATA[name](), Spy()
    student = SMALL[name](view, record=spy)
    assert all(sorted(position for position, _ in epoch) == list(range(len(view))) for epoch in spy.epochs)
    assert student.passes == len(spy.epochs) * len(view)
    assert np.allclose(spy.clean[-1], student.logits(view), atol=1e-5)


def test_train_logits_are_those_before_the_update():
    spy = Spy()
    head.train(blobs(), seed=0, device="cpu", record=spy)  # one batch per epoch, and a head starts from zero weights
    first, second = (np.stack([logits for _, logits in epoch]) for epoch in spy.epochs[:2])
    assert (first == 0).all()
    assert (second != 0).any()


@students
def test_recording_does_not_change_the_student(name):
    view = DATA[name]()
    assert (SMALL[name](view).logits(view) == SMALL[name](view, record=Spy()).logits(view)).all()


@students
def test_a_subset_is_trained_on_its_own_rows_only(name):
    view, rows = DATA[name](), np.array([5, 0, 7, 1, 2, 3])
    alone = {key: getattr(view, key)[rows] for key in ("labels", "pixels" if name in ON_PIXELS else "embeddings")}
    part, fresh = view.subset(rows), View.of(classes=view.classes, **alone)
    assert (SMALL[name](part).logits(view) == SMALL[name](fresh).logits(view)).all()


@students
def test_a_class_that_is_absent_keeps_its_output_and_is_not_predicted(name):
    view = DATA[name]()
    part = View.of(
        labels=view.labels * 2,
        classes=["a", "b", "c", "d", "e"],
        **{"pixels": view.pixels} if name in ON_PIXELS else {"embeddings": view.embeddings},
    )
    logits = SMALL[name](part).logits(part)
    assert logits.shape == (len(view), 5)
    assert logits.dtype == np.float32
    if not name.startswith("resnet"):  # two steps teach it nothing yet
        assert set(logits.argmax(axis=1)) <= set(part.labels)


@students
def test_an_item_is_predicted_alike_alone_and_among_others(name):
    view = DATA[name]()
    student = SMALL[name](view)
    assert np.allclose(student.logits(view)[[4]], student.logits(view.subset([4])), atol=1e-4)
    assert len(student.features(view)) == len(view)


@students
def test_a_student_without_rows_or_with_one_class_says_so(name):
    view = DATA[name]()
    with pytest.raises(InputError, match="no rows to train"):
        SMALL[name](view.subset(np.array([], dtype=int)))
    view.classes = ("only",)
    with pytest.raises(InputError, match="a student needs at least two classes; there is 1"):
        SMALL[name](view)


def test_embeddings_that_are_not_numbers_are_refused():
    view = blobs()
    view.embeddings[3, 1] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        head.train(view, seed=0, device="cpu")


def test_identical_embeddings_do_not_break_the_head():
    view = View.of(embeddings=np.ones((6, 3), dtype=np.float32), labels=np.array([0, 1] * 3))
    assert np.isfinite(head.train(view, seed=0, device="cpu").logits(view)).all()


def test_a_student_that_diverges_says_when_and_what_to_change():
    net = torch.nn.Linear(2, 2)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e30)
    x, y = torch.full((4, 2), 1e30), torch.tensor([0, 1, 0, 1])
    with pytest.raises(RunError, match=r"diverged.*epoch \d of 6.*lower learning rate"):
        loop.fit(net, x, y, optimiser=optimiser, epochs=6, batch=2, seed=0, schedule=loop.cosine)


def test_progress_counts_epochs_to_the_end():
    told = []
    head.train(blobs(), seed=0, device="cpu", progress=lambda done, total, message="": told.append((done, total)))
    assert told[0] == (1, len(told))
    assert told[-1] == (len(told), len(told))


def test_the_cost_of_training_grows_with_the_rows_above_the_floor():
    assert [loop.epochs_for(m, 512, 20, 300) for m in (20, 512, 5_120, 50_000)] == [300, 300, 30, 20]


def test_schedules_end_at_nothing():
    assert (loop.cosine(0), loop.cosine(1)) == (1, 0)
    assert loop.triangle(0) == pytest.approx(0.1)
    assert (loop.triangle(0.25), loop.triangle(1)) == (1, 0)


def test_augmented_images_are_shifted_mirrored_copies_and_not_all_the_same_one():
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="reflect")  # an eighth of 8 is one pixel
    shifted = [padded[y : y + 8, x : x + 8] for y in range(3) for x in range(3)]
    flipped = [picture[:, ::-1] for picture in shifted]
    batch = torch.from_numpy(image).expand(200, 8, 8, 3)

    def found(flip: bool, pictures) -> set[int]:
        seen = crop_flip(batch, torch.Generator().manual_seed(0), flip=flip).numpy()
        where = [[i for i, picture in enumerate(pictures) if (picture == one).all()] for one in seen]
        assert all(where)
        return {i for i, *_ in where}

    assert found(True, shifted + flipped) == set(range(18))
    assert found(False, shifted) == set(range(9))


def test_small_images_are_flipped_but_not_shifted():
    image = torch.arange(4 * 4 * 3).reshape(1, 4, 4, 3)
    assert torch.equal(crop_flip(image, torch.Generator().manual_seed(0), flip=False), image)


# -- how long ---------------------------------------------------------------------------------------------------


def test_every_student_can_go_by_epochs_or_by_steps():
    for name, student in registry.methods("students").items():
        if "exact" in student.card.tags:  # solved to its optimum: the same for every subset
            continue
        if name == "command":  # a trainer of one's own, which has its own ways
            continue
        defaults = student.params().model_dump()
        assert defaults["epochs"] >= 1, name
        assert defaults["steps"] == 0, name


@students
def test_steps_are_the_same_for_every_subset_and_the_last_epoch_is_finished(name):
    view = DATA[name](40)
    seen = {}
    for m in (40, 12):
        spy = Spy()
        more = {"steps": 4} if name in ("head", "hidden") else {"steps": 4, "batch": 16}
        student = SMALL[name](view.subset(np.arange(m)), record=spy, **more)
        assert student.passes == len(spy.epochs) * m
        seen[m] = len(spy.epochs)
    a_time = 1 if name in ("head", "hidden") else 3  # steps an epoch of 40 items takes; of 12 it is one
    assert seen == {40: -(-4 // a_time), 12: 4}


# -- ResNets ----------------------------------------------------------------------------------------------------


def test_a_resnet_learns_rows_from_columns():
    view = stripes(32)
    student = resnet18.train(view, seed=0, device="cpu", batch=32, steps=16, augment="none")
    assert accuracy(student, view) >= 0.9


@pytest.mark.parametrize(("depth", "features"), [(18, 512), (50, 2048)])
def test_the_large_stem_is_torchvisions_resnet_to_the_letter(depth, features):
    import torchvision

    ours = nets.imagenet_resnet(depth, "large", 5, seed=0).eval()
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=5).eval()
    weights = [w for name, w in ours.state_dict().items() if name not in ("body.0.mean", "body.0.scale")]
    theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=True)))
    images = torch.randint(0, 256, (2, 40, 40, 3), dtype=torch.uint8)
    mean, scale = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = theirs(((images / 255 - mean) / scale).permute(0, 3, 1, 2))
        assert torch.allclose(ours(images), expected, atol=1e-4)
        assert ours.body(images).shape == (2, features)


def test_the_small_stem_keeps_every_pixel_and_auto_goes_by_the_size():
    shapes = {}
    for stem in ("small", "large"):
        net, seen = nets.imagenet_resnet(18, stem, 2, seed=0), []
        block = next(layer for layer in net.body if isinstance(layer, torch.nn.Sequential))
        block.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(list(given[0].shape[1:])))
        net(torch.zeros((2, 32, 32, 3), dtype=torch.uint8))
        shapes[stem] = seen[0]
    assert shapes == {"small": [64, 32, 32], "large": [64, 8, 8]}
    from curation.training.pixels import _resnet

    kernel = {}
    for side in (64, 65):
        view = View.of(pixels=np.zeros((1, side, side, 3), np.uint8), labels=np.array([0]), classes="ab")
        kernel[side] = _resnet(18, view, "auto", 0).body[2].kernel_size
    assert kernel == {64: (3, 3), 65: (7, 7)}


@pytest.mark.parametrize("student", [resnet18, resnet50])
def test_a_recorded_resnet_comes_back_from_its_weights(student):
    class Weights(Spy):
        def epoch(self, predict, weights=None):
            self.last = weights()

    view, record = stripes(16), Weights()
    made = student.train(view, seed=0, device="cpu", batch=16, steps=2, record=record)
    net = student.network(view, record.last[None], np.array([1]), **{"epochs": 3, "stem": "auto"})
    inputs, rest = net.at(-1, "cpu")
    with torch.inference_mode():
        again = rest(inputs(np.arange(16))).numpy()
    np.testing.assert_allclose(again, made.logits(view), rtol=1e-3, atol=1e-3)


def test_a_resnet_on_a_single_image_says_so():
    with pytest.raises(RunError, match="there is only one image; keep at least two"):
        resnet18.train(stripes().subset([0]), seed=0, device="cpu")


# -- a person's own module --------------------------------------------------------------------------------------


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


# -- predictions that are no numbers ----------------------------------------------------------------------------


def test_logits_that_are_not_finite_are_reported_as_divergence():
    class Broken(torch.nn.Linear):
        def forward(self, x):
            logits = super().forward(x)
            return logits if self.training else torch.where(x[:, :1] > 0.5, torch.inf, logits)

    net = torch.nn.Sequential(Broken(2, 2))
    made = loop.predictor(net, lambda view: torch.as_tensor(view.embeddings), passes=1)
    view = View.of(embeddings=np.array([[1, 0], [0, 1], [1, 1]], np.float32), labels=np.array([0, 1, 0]))
    with pytest.raises(RunError, match=r"diverged: its predictions for 2 of 3 items are not numbers.*lower learning"):
        made.logits(view)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    x, y = torch.as_tensor(view.embeddings), torch.as_tensor(view.labels)
    with pytest.raises(RunError, match="2 of 3 items"):
        loop.fit(net, x, y, optimiser=optimiser, epochs=1, batch=3, seed=0, schedule=loop.cosine, record=Spy())


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
