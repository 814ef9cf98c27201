"""Imports run one way: kit <- models <- schemas <- queries <- route files <- create_app; and files stay short."""

import ast
from pathlib import Path

import pytest

from mediatheque import config

SOURCE = config.ROOT / "src"
PACKAGE = SOURCE / "mediatheque"
LONGEST = 400
SHARED = ("models", "schemas")  # what an area may use of another
ORDER = ("models", "schemas", "queries", "routes")


def module(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


FILES = {module(file): file for file in PACKAGE.rglob("*.py") if "migrations" not in file.parts}
AREAS = {name.rpartition(".")[0] for name in FILES if name.endswith(".models") and name.count(".") == 2} - {
    "mediatheque.kit"
}


def imported(file: Path) -> set[str]:
    """The modules of ours that *file* imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return {name for name in found & FILES.keys() if FILES[name].stem != "__init__"}


IMPORTS = {name: imported(file) for name, file in FILES.items()}


def area(name: str) -> str | None:
    return next((one for one in AREAS if name.startswith(f"{one}.")), None)


def kind(name: str) -> str | None:
    """``models``, ``schemas``, ``queries``, or ``routes`` for a file with a blueprint; None for a helper."""
    last = name.rpartition(".")[2]
    if last in ORDER:
        return last
    return "routes" if "\nblueprint = Blueprint(" in FILES[name].read_text() else None


def reached(name: str) -> set[str]:
    """All that *name* imports, directly or by way of others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = IMPORTS[waiting.pop()] - found
        found |= new
        waiting += new
    return found


@pytest.mark.parametrize("name", sorted(IMPORTS))
def test_no_file_imports_itself_by_way_of_others(name):
    assert name not in reached(name)


@pytest.mark.parametrize("name", sorted(name for name in IMPORTS if name.startswith("mediatheque.kit.")))
def test_kit_knows_extensions_and_no_area(name):
    known = {one for one in reached(name) if not one.startswith("mediatheque.kit.")}
    assert known <= {"mediatheque.extensions"}


@pytest.mark.parametrize("name", ["config", "errors", "extensions"])
def test_what_everybody_uses_knows_kit_only(name):
    known = {one for one in reached(f"mediatheque.{name}") if not one.startswith("mediatheque.kit.")}
    assert known <= {"mediatheque.extensions"}


@pytest.mark.parametrize("name", sorted(name for name in IMPORTS if area(name)))
class TestArea:
    def test_imports_downwards(self, name):
        later = ORDER[ORDER.index(kind(name)) + 1 :] if kind(name) else ()
        upwards = {one for one in reached(name) if area(one) and kind(one) in later}
        assert upwards == set()

    def test_uses_models_and_schemas_of_other_areas_only(self, name):
        foreign = {one for one in IMPORTS[name] if area(one) not in (None, area(name))}
        assert {kind(one) for one in foreign} <= set(SHARED)

    def test_does_not_know_create_app(self, name):
        above = ("mediatheque.cli.", "mediatheque.docs", "mediatheque.models")
        assert not [one for one in reached(name) if one.startswith(above)]


@pytest.mark.parametrize("file", sorted(FILES.values()), ids=module)
def test_no_file_is_longer_than_400_lines(file):
    assert len(file.read_text().splitlines()) <= LONGEST


def test_the_areas_are_found():
    assert {"mediatheque.auth", "mediatheque.library"} <= AREAS
