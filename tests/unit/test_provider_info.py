"""What Airflow's provider discovery gets to read, and what it loads to do so."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator
from airflow.triggers.base import BaseTrigger

import airflow_provider_signalwire
from airflow_provider_signalwire.provider_info import get_provider_info

PACKAGE_DIR = Path(airflow_provider_signalwire.__file__).parent
SHARED_MODULES = ("base", "stream")  # what other modules build on
PARTS_OF_OTHER_MODULES = {
    f"airflow_provider_signalwire.operators.{part}"
    for part in ("start_call_stream", "stop_call_stream", "run_call_stream", "stop_call_streams")
}
BASES_BY_LIST = {"operators": BaseOperator, "sensors": BaseSensorOperator, "triggers": BaseTrigger}


def airflow_schema(name: str) -> dict[str, Any]:
    return json.loads((Path(airflow.__file__).parent / name).read_text())


def test_provider_info_matches_the_schema_of_airflow() -> None:
    jsonschema.validate(get_provider_info(), airflow_schema("provider_info.schema.json"))


def test_connection_form_matches_the_schema_of_airflow_providers() -> None:
    """The schema of a release looks into the form; that of the runtime does not, and the UI fails instead."""
    demanded = airflow_schema("provider.yaml.schema.json")["properties"]["connection-types"]

    jsonschema.validate(get_provider_info()["connection-types"], demanded)


def test_schema_refuses_malformed_info() -> None:
    malformed = get_provider_info()
    del malformed["connection-types"][0]["hook-class-name"]

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(malformed, airflow_schema("provider_info.schema.json"))


def test_name_is_that_of_the_distribution_and_of_the_package() -> None:
    name = get_provider_info()["package-name"]

    assert metadata.distribution(name).metadata["Name"] == name
    assert name.replace("-", "_") == airflow_provider_signalwire.__name__


def test_entry_point_returns_the_provider_info() -> None:
    (entry_point,) = (
        point
        for point in metadata.entry_points(group="apache_airflow_provider")
        if point.module.startswith("airflow_provider_signalwire.")
    )

    assert entry_point.name == "provider_info"
    assert entry_point.load() is get_provider_info


@pytest.mark.parametrize("kind", BASES_BY_LIST)
def test_provider_info_names_every_public_module(kind: str) -> None:
    base = BASES_BY_LIST[kind]
    listed = {module for item in get_provider_info()[kind] for module in item["python-modules"]}
    found = set()
    for path in (PACKAGE_DIR / kind).glob("*.py"):
        module = f"airflow_provider_signalwire.{kind}.{path.stem}"
        public = getattr(import_module(module), "__all__", _classes(path))
        members = [getattr(import_module(module), name) for name in public if not name.startswith("_")]
        classes = [member for member in members if isinstance(member, type)]
        if any(issubclass(found_class, base) for found_class in classes) and path.stem not in SHARED_MODULES:
            found.add(module)

    assert listed == found - PARTS_OF_OTHER_MODULES


def test_provider_info_imports_nothing() -> None:
    code = (
        "import __future__, sys, typing; before = set(sys.modules); "
        "from airflow_provider_signalwire.provider_info import get_provider_info; get_provider_info(); "
        "print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.split() == ["airflow_provider_signalwire", "airflow_provider_signalwire.provider_info"]


DISCOVERY = """
import importlib, json, sys
from airflow.providers_manager import ProvidersManager

HEAVY = ("requests", "aiohttp", "tenacity", "wtforms", "flask_appbuilder")
heavy_before = {name for name in HEAVY if name in sys.modules}
manager = ProvidersManager()
providers = list(manager.providers)
hooks = {meta.connection_type: meta for meta in manager.iter_connection_type_hook_ui_metadata()}
fields = [name for name in manager._connection_form_widgets_from_metadata if name.startswith("extra__signalwire__")]
behaviour = manager._field_behaviours_from_metadata["signalwire"]
found = {
    "providers": providers,
    "hook": hooks["signalwire"].hook_class_name,
    "title": hooks["signalwire"].hook_name,
    "labels": behaviour["relabeling"],
    "fields": fields,
    "ours": sorted(name for name in sys.modules if name.split(".")[0] == "airflow_provider_signalwire"),
    "heavy": sorted({name for name in HEAVY if name in sys.modules} - heavy_before),
}
importlib.import_module("airflow_provider_signalwire.hooks.signalwire")
found["ours_with_the_hook"] = sum(name.split(".")[0] == "airflow_provider_signalwire" for name in sys.modules)
found["aiohttp_with_the_hook"] = "aiohttp" in sys.modules
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def discovered() -> dict[str, Any]:
    """What discovery finds and loads, in an interpreter in which nothing of ours has been imported."""
    result = subprocess.run([sys.executable, "-c", DISCOVERY], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.skipif(
    not hasattr(import_module("airflow.providers_manager").ProvidersManager, "iter_connection_type_hook_ui_metadata"),
    reason="Airflow before 3.2 imports the hook to learn its form",
)
class TestDiscovery:
    def test_finds_the_connection_type_and_its_form(self, discovered: dict[str, Any]) -> None:
        connection_type = get_provider_info()["connection-types"][0]
        assert "airflow-provider-signalwire" in discovered["providers"]
        assert discovered["hook"] == connection_type["hook-class-name"]
        assert discovered["title"] == "SignalWire"
        assert discovered["labels"] == connection_type["ui-field-behaviour"]["relabeling"]
        assert discovered["fields"] == [f"extra__signalwire__{name}" for name in connection_type["conn-fields"]]

    def test_loads_only_the_metadata_of_the_package(self, discovered: dict[str, Any]) -> None:
        assert discovered["ours"] == ["airflow_provider_signalwire", "airflow_provider_signalwire.provider_info"]
        assert discovered["ours_with_the_hook"] > 10, "the watch does not see modules"

    def test_loads_no_heavy_module(self, discovered: dict[str, Any]) -> None:
        assert discovered["heavy"] == []
        assert not discovered["aiohttp_with_the_hook"]


def _classes(path: Path) -> list[str]:
    return [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
