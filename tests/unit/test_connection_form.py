"""The connection form: it offers what the client reads, and is the same on every Airflow."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_signalwire.client.config.extras import read_extras
from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.provider_info import EXTRAS as DESCRIPTIONS
from airflow_provider_signalwire.provider_info import get_provider_info

CONNECTION_TYPE = get_provider_info()["connection-types"][0]
EXTRAS: dict[str, dict[str, Any]] = CONNECTION_TYPE["conn-fields"]
STANDARD = CONNECTION_TYPE["ui-field-behaviour"]
NUMBERS = [name for name, field in EXTRAS.items() if field["schema"]["type"][0] in ("number", "integer")]


def test_form_is_that_of_the_hook() -> None:
    assert CONNECTION_TYPE["connection-type"] == SignalWireHook.conn_type
    assert CONNECTION_TYPE["hook-name"] == SignalWireHook.hook_name
    assert CONNECTION_TYPE["hook-class-name"] == f"{SignalWireHook.__module__}.{SignalWireHook.__qualname__}"


def test_every_extra_of_the_form_is_read_and_is_a_setting_of_the_client() -> None:
    settings = {field.name for field in dataclasses.fields(ClientSettings)}
    assert list(EXTRAS) == list(DESCRIPTIONS)
    assert set(EXTRAS) <= settings
    for name in EXTRAS:
        with pytest.raises(SignalWireConfigurationError, match=f"'{name}'"):
            read_extras({name: [1]})


def test_documentation_has_the_same_extras() -> None:
    page = (Path(__file__).parents[2] / "docs" / "connection.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(tuple(f"| `{name}` |" for name in DESCRIPTIONS))]
    expected = []
    for name, extra in DESCRIPTIONS.items():
        default = f"`{json.dumps(extra.default)}`" if not isinstance(extra.default, str) else extra.default
        limits = f"{extra.minimum:g} to {extra.maximum:g} {extra.unit}" if extra.minimum is not None else ""
        kind = {"path": "string", "proxy": "string"}.get(extra.kind, extra.kind)
        expected.append(f"| `{name}` | {extra.label} | {kind} | {default} | {limits} | {extra.description} |")
    assert rows == expected, "copy the expected rows to the page"


def test_every_extra_may_be_left_empty_and_numbers_say_their_limits_and_default() -> None:
    settings = ClientSettings(origin="https://acme.signalwire.com", project_id="p", api_token="t")
    for name, field in EXTRAS.items():
        kind, null = field["schema"]["type"]
        assert kind in ("boolean", "integer", "number", "string")
        assert null == "null", "Airflow's UI could not save the form with this field empty"
        if name in NUMBERS:
            limits = f"{field['schema']['minimum']:g} to {field['schema']['maximum']:g}"
            assert limits in field["description"]
            assert field["description"].endswith(f"Default: {getattr(settings, name):g}.")


def test_saving_the_form_untouched_changes_nothing() -> None:
    """Airflow's UI then writes every extra, as its default or as null."""
    saved = json.dumps({name: field["schema"].get("default") for name, field in EXTRAS.items()})
    fields: dict[str, Any] = {"host": "acme", "login": "p", "password": "t"}

    assert ClientSettings.from_connection_fields(**fields, extra=saved) == ClientSettings.from_connection_fields(
        **fields, extra=None
    )


def test_standard_fields_are_labelled_and_port_can_be_filled_in() -> None:
    """Without a port, the Test button of Airflow 3.3.1 and 3.3.2 fails before it asks the hook."""
    assert STANDARD["relabeling"] == {"login": "Project ID", "password": "API token", "host": "Space"}
    assert STANDARD["placeholders"]["port"].startswith("443")
    assert STANDARD["hidden-fields"] == ["schema"]


class Recorded:
    """Stands in for a field, validator or widget of wtforms: it keeps what it was made with."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.arguments = arguments
        self.keywords = keywords


@pytest.fixture
def widgets(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The form's fields, made of stand-ins for wtforms and flask_appbuilder, which Airflow 3 does not install."""
    modules = {
        "wtforms": ["BooleanField", "IntegerField", "PasswordField", "StringField"],
        "wtforms.validators": ["NumberRange", "Optional"],
        "flask_appbuilder": [],
        "flask_appbuilder.fieldwidgets": ["BS3PasswordFieldWidget", "BS3TextFieldWidget"],
    }
    for name, classes in modules.items():
        module = ModuleType(name)
        vars(module).update({class_name: type(class_name, (Recorded,), {}) for class_name in classes})
        monkeypatch.setitem(sys.modules, name, module)
    return SignalWireHook.get_connection_form_widgets()


def test_older_airflows_get_the_same_labels_and_placeholders() -> None:
    assert SignalWireHook.get_ui_field_behaviour() == {name.replace("-", "_"): STANDARD[name] for name in STANDARD}
    assert "hidden_fields" in SignalWireHook.get_ui_field_behaviour()


def test_older_airflows_get_the_same_extras_in_fields_that_keep_what_is_typed(widgets: dict[str, Any]) -> None:
    assert {name: (field.arguments[0], field.keywords["description"]) for name, field in widgets.items()} == {
        name: (field["label"], field["description"]) for name, field in EXTRAS.items()
    }
    kinds = {"verify": "BooleanField", "max_attempts": "IntegerField", "proxy": "PasswordField"}
    assert {name: type(field).__name__ for name, field in widgets.items()} == {
        name: kinds.get(name, "StringField") for name in EXTRAS
    }


def test_older_airflows_check_integers_leave_verify_on_and_let_other_fields_be_empty(widgets: dict[str, Any]) -> None:
    assert widgets.pop("verify").keywords["default"] is True
    for field in widgets.values():
        assert "Optional" in [type(check).__name__ for check in field.keywords["validators"]]
    [bounds] = [check for check in widgets["max_attempts"].keywords["validators"] if check.arguments]
    assert bounds.arguments == (1, 100)
