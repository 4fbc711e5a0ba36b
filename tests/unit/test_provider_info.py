"""What Airflow's provider discovery gets to read, and what it loads to do so."""

from __future__ import annotations

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
from airflow.providers_manager import ProvidersManager
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


def test_name_is_that_of_the_distribution_and_of_the_package() -> None:
    name = get_provider_info()["package-name"]

    assert metadata.distribution(name).metadata["Name"] == name
    assert name.replace("-", "_") == airflow_provider_signalwire.__name__
    listed = [item for kind in ("operators", "sensors", "hooks", "triggers") for item in get_provider_info()[kind]]
    known = {integration["integration-name"] for integration in get_provider_info()["integrations"]}
    assert {item["integration-name"] for item in listed} == known


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
    listed = {module for item in get_provider_info()[kind] for module in item["python-modules"]}
    found = set()
    for path in (PACKAGE_DIR / kind).glob("*.py"):
        module = import_module(f"airflow_provider_signalwire.{kind}.{path.stem}")
        members = [
            member
            for name, member in vars(module).items()
            if isinstance(member, type)
            and (member.__module__ == module.__name__ or name in getattr(module, "__all__", ()))
        ]
        if any(issubclass(member, BASES_BY_LIST[kind]) for member in members) and path.stem not in SHARED_MODULES:
            found.add(module.__name__)
    assert listed == found - PARTS_OF_OTHER_MODULES


def test_provider_info_imports_nothing() -> None:
    code = (
        "import __future__, sys, typing; before = set(sys.modules); "
        "from airflow_provider_signalwire.provider_info import get_provider_info; get_provider_info(); "
        "print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.split() == ["airflow_provider_signalwire", "airflow_provider_signalwire.provider_info"]


@pytest.mark.skipif(
    not hasattr(ProvidersManager, "iter_connection_type_hook_ui_metadata"),
    reason="Airflow before 3.2 imports the hook to learn its form",
)
def test_discovery_finds_the_connection_type_and_its_form() -> None:
    connection_type = get_provider_info()["connection-types"][0]
    manager = ProvidersManager()
    assert "airflow-provider-signalwire" in manager.providers
    hooks = {hook.connection_type: hook for hook in manager.iter_connection_type_hook_ui_metadata()}
    assert hooks["signalwire"].hook_class_name == connection_type["hook-class-name"]
    assert hooks["signalwire"].hook_name == "SignalWire"
    labels = manager._field_behaviours_from_metadata["signalwire"]["relabeling"]
    assert labels == connection_type["ui-field-behaviour"]["relabeling"]
    prefix = "extra__signalwire__"
    fields = [name for name in manager._connection_form_widgets_from_metadata if name.startswith(prefix)]
    assert fields == [f"{prefix}{name}" for name in connection_type["conn-fields"]]
