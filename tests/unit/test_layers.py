"""A module imports only from layers below its own; imports for type checkers count, too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import airflow_provider_signalwire

PACKAGE = Path(airflow_provider_signalwire.__file__).parent
NAME = PACKAGE.name

# Top to bottom. Siblings share a line and do not import each other.
LAYERS = (
    {"cli"},
    {"operators", "sensors", "notifications", "retry_policy"},
    {"triggers"},
    {"batch"},
    {"hooks"},
    {"metrics"},
    {"client.transport"},
    {"client.flows"},
    {"client.policy"},
    {"client.config"},
    {"journal_intents", "journal_events"},
    {"journal_snapshot"},
    {"journal"},
    {"client.protocol"},
    {"exceptions"},
    {"_compat", "connection_form", "task_state"},
    {"threads"},
    {"provider_info"},
    {"simulator"},
)


def layer_of(module: str) -> tuple[int, str] | None:
    for number, layer in enumerate(LAYERS):
        for part in layer:
            if module == part or module.startswith(f"{part}."):
                return number, part
    return None


def modules_imported_by(path: Path) -> set[str]:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return imported


SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_from_layers_below(path: Path) -> None:
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    own = layer_of(module)
    assert own is not None, f"{module} has no layer"
    for name in modules_imported_by(path):
        imported = layer_of(name.removeprefix(f"{NAME}.")) if name.startswith(f"{NAME}.") else None
        assert imported is None or imported[0] > own[0] or imported == own, f"{module} imports {name}"


def test_client_imports_airflow_only_through_exceptions() -> None:
    for path in (PACKAGE / "client").rglob("*.py"):
        assert not {name for name in modules_imported_by(path) if name.split(".")[0] == "airflow"}, path
