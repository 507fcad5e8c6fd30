"""The core can be imported anywhere: no I/O, no async, no clock, no randomness, no environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "batch" / "core"

ALLOWED = {
    *("__future__", "bisect", "collections", "contextlib", "csv", "decimal", "difflib", "enum", "functools"),
    *("graphlib", "hashlib", "heapq", "html", "io", "itertools", "json", "math", "msgspec", "operator", "re"),
    *("fractions", "string", "types", "typing", "unicodedata", "uuid", "datetime", "phonenumbers", "orjson"),
    *("batch.core", "batch.errors"),
}
"""Modules that compute and nothing else. ``datetime`` is for arithmetic: its clocks are forbidden below."""

FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "__import__", "now", "today", "utcnow", "uuid1", "uuid4"}


def modules() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def is_allowed(name: str) -> bool:
    return any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED)


def called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", ""))


def test_there_is_a_core_to_look_at() -> None:
    """The other tests of this file would pass on an empty folder."""
    assert len(modules()) > 10


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_core_imports_only_what_computes(path: Path) -> None:
    """A module of the core imports pure modules only."""
    assert [] == [name for name in imported(ast.parse(path.read_text("utf-8"))) if not is_allowed(name)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_core_never_touches_the_world(path: Path) -> None:
    """A module of the core neither reads a clock nor a file, and has nothing to wait for."""
    tree = ast.parse(path.read_text("utf-8"))
    waits = [
        n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert [] == waits
    assert set() == FORBIDDEN_CALLS & set(called(tree))


@pytest.mark.parametrize(
    "path", sorted((CORE.parent / "engine").glob("*.py")) + sorted((CORE.parent / "adapters").rglob("*.py")), ids=str
)
def test_imports_point_one_way(path: Path) -> None:
    """Neither engine nor adapters know the pipeline, the command line or the jobs."""
    above = {"batch.pipeline", "batch.cli", "batch.run", "batch.console", "jobs"}
    assert set() == above & set(imported(ast.parse(path.read_text("utf-8"))))


def test_tenacity_and_httpx_have_one_importer_each() -> None:
    """The libraries that a fault of theirs would make us replace are behind one module each."""
    sources = {path: ast.parse(path.read_text("utf-8")) for path in CORE.parent.rglob("*.py")}
    for library in ("tenacity", "httpx"):
        users = [path.name for path, tree in sources.items() if library in {n.split(".")[0] for n in imported(tree)}]
        assert len(users) == 1, f"{library}: {users}"
