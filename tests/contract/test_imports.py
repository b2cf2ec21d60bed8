"""Imports go down only, and nothing heavy is imported before it is used. Read off the source, nothing is run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOOR = {"errors": 0, "card": 0, "data": 1, "maths": 1, "training": 1, "methods": 2, "engine": 3, "ui": 4}
TOP = 5  # app.py, pages and the command line
HEAVY = {"torch", "torchvision", "sklearn", "umap", "numba", "pynndescent", "cleanlab", "open_clip", "timm", "datasets"}
FILES = sorted([*ROOT.glob("curation/**/*.py"), *ROOT.glob("pages/*.py"), *ROOT.glob("app.py")])


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def floor(module: str) -> int:
    """0 (bottom) to 5 (top) of a module of this project."""
    room = module.split(".")[1] if module.startswith("curation.") else ""
    return FLOOR.get(room, TOP)


def imports(path: Path) -> list[tuple[str, bool]]:
    """(module, at top level) of every import in a file; `from a import b` counts as a.b where that is a module."""
    tree = ast.parse(path.read_text())
    annotations_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    later = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in annotations_only:
            continue
        top = id(node) not in later
        if isinstance(node, ast.Import):
            found += [(alias.name, top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = (ROOT / Path(*inner.split("."))).with_suffix(".py").exists() or (
                    ROOT / Path(*inner.split("."))
                ).is_dir()
                found.append((inner if is_module else node.module, top))
    return found


def own(path: Path) -> list[str]:
    return [module for module, _ in imports(path) if module.split(".")[0] == "curation" and module != "curation"]


each = pytest.mark.parametrize("path", FILES, ids=name_of)


def test_there_is_something_to_check():
    assert len(FILES) > 30
    assert ("numpy", True) in imports(ROOT / "curation/maths/greedy.py")
    assert ("torch", False) in imports(ROOT / "curation/maths/neighbours.py")


@each
def test_imports_go_down_only(path):
    me = name_of(path)
    for module in own(path):
        assert floor(module) <= floor(me), f"{me} imports {module}, which stands above it"


@each
def test_methods_are_reached_by_name_only(path):
    me = name_of(path)
    for module in own(path):
        if module.startswith("curation.methods."):
            pytest.fail(f"{me} imports {module}: methods are loaded by the registry, and never use each other")


@each
def test_only_the_face_imports_streamlit(path):
    me = name_of(path)
    if floor(me) < FLOOR["ui"] or me == "curation.__main__":
        assert all(module.split(".")[0] != "streamlit" for module, _ in imports(path))


@each
def test_nothing_heavy_is_imported_before_it_is_used(path):
    heavy = [module for module, top in imports(path) if top and module.split(".")[0] in HEAVY]
    assert not heavy, f"{name_of(path)} imports {', '.join(heavy)} at its top: move it into the function that needs it"
