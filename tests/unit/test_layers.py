"""A floor imports only from floors below it, and parsing a DAG file imports nothing heavy."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import airflow_provider_signalwire

PACKAGE = "airflow_provider_signalwire"
ROOT = Path(airflow_provider_signalwire.__file__).parent

# From the ground up; what stands side by side may import each other.
HOUSE = [
    ["__init__", "_compat", "provider_info"],
    ["exceptions", "connection_form"],
    ["client"],
    ["metrics"],
    ["hooks"],
    ["triggers"],
    ["sensors", "operators"],
]
CLIENT = [
    ["records"],
    ["settings"],
    ["retrying"],
    ["responses"],
    ["endpoints"],
    ["flows"],
    ["waiting"],
    ["sync_client", "async_client"],
    ["batch"],
]
HEAVY = {"requests", "aiohttp", "tenacity", "yarl", "urllib3"}


def modules(folder="."):
    paths = sorted((ROOT / folder).rglob("*.py"))
    return paths if folder == "simulator" else [path for path in paths if "simulator" not in label(path).split("/")]


def label(path):
    return str(path.relative_to(ROOT))


def imported(path, *, when_parsed=False):
    """Return the dotted names a module imports, but for types; or only what it imports when it is imported itself."""
    names = set()
    waiting = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if when_parsed and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{label(path)} has a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        waiting += ast.iter_child_nodes(node)
    return names


def files_behind(name):
    """Return the files of our own that importing a dotted name runs."""
    first, *parts = name.split(".")
    if first != PACKAGE:
        return set()
    paths = [ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    files = [
        ROOT / "__init__.py",
        *(path.with_suffix(".py") for path in paths),
        *(path / "__init__.py" for path in paths),
    ]
    return {path for path in files if path.is_file()}


def reached_from(path, **options):
    """Return the files of our own that a module leads to, itself left out unless it leads back to itself."""
    reached, waiting = set(), [path]
    while waiting:
        for name in imported(waiting.pop(), **options):
            found = files_behind(name) - reached
            reached |= found
            waiting += found
    return reached


def floor_of(path):
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    floors = [number for number, floor in enumerate(HOUSE) if part in floor]
    assert floors, f"{part} has no place in the house"
    return floors[0]


@pytest.mark.parametrize("path", modules(), ids=label)
def test_a_module_imports_from_its_floor_and_below(path):
    above = {label(other) for other in reached_from(path) if floor_of(other) > floor_of(path)}
    assert not above


@pytest.mark.parametrize(("number", "name"), [(number, name) for number, floor in enumerate(CLIENT) for name in floor])
def test_the_client_is_built_in_floors_too(number, name):
    above = {other for floor in CLIENT[number + 1 :] for other in floor}
    assert not {path.stem for path in reached_from(ROOT / "client" / f"{name}.py")} & above


@pytest.mark.parametrize("path", modules("client"), ids=label)
def test_no_module_of_the_client_leads_back_to_itself(path):
    assert path not in reached_from(path) or path.stem == "__init__"


@pytest.mark.parametrize("path", modules("client"), ids=label)
def test_the_client_imports_nothing_of_airflow(path):
    assert not {name for name in imported(path) if name.split(".")[0] == "airflow"}


@pytest.mark.parametrize("path", modules("simulator"), ids=label)
def test_the_simulator_imports_nothing_of_the_rest(path):
    rest = {name for name in imported(path) if name.split(".")[0] in (PACKAGE, "airflow")}
    assert all(name.startswith(f"{PACKAGE}.simulator") for name in rest)


@pytest.mark.parametrize("path", modules(), ids=label)
def test_the_rest_imports_nothing_of_the_simulator(path):
    assert not {name for name in imported(path) if name.startswith(f"{PACKAGE}.simulator")}


def test_the_metadata_imports_nothing():
    assert all(name.startswith(("__future__.", "typing.")) for name in imported(ROOT / "provider_info.py"))


@pytest.mark.parametrize("path", [*modules("operators"), *modules("sensors")], ids=label)
def test_parsing_a_dag_file_imports_nothing_heavy(path):
    for module in {path, *reached_from(path, when_parsed=True)}:
        heavy = {name for name in imported(module, when_parsed=True) if name.split(".")[0] in HEAVY}
        assert not heavy, f"{label(path)} leads to {label(module)}"
