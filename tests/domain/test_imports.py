"""The domain is pure: it imports the standard library, msgspec, eventsourcing.domain and itself."""

import ast
import sys
from pathlib import Path

import pytest

import haocha

SOURCES = sorted((Path(haocha.__file__).parent / "domain").rglob("*.py"))
ALLOWED = ("msgspec", "eventsourcing.domain", "haocha.domain")
IMPURE = {"asyncio", "socket", "subprocess", "threading", "sqlite3", "http", "urllib", "random", "secrets", "time"}
CLOCKS = {"now", "today", "utcnow", "uuid4", "uuid1", "monotonic", "urandom"}


def imported(tree: ast.Module) -> set[str]:
    """Return the dotted names of everything that is imported."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_imports(source):
    """No framework, no database, no network, no clock."""
    for name in imported(ast.parse(source.read_text(encoding="utf-8"))):
        top = name.partition(".")[0]
        assert top not in IMPURE, name
        assert top in sys.stdlib_module_names or name.startswith(ALLOWED), name


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_clock_and_no_chance(source):
    """Time and ids are arguments."""
    calls = [
        node.func for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    names = {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}
    assert names.isdisjoint(CLOCKS)


def test_there_is_a_domain():
    """The tests above would pass on nothing."""
    assert {"rating", "ticket", "receipt", "registry"} <= {source.stem for source in SOURCES}
