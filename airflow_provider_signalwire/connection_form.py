"""The connection form for Airflow 2.11 to 3.1, which ask the hook for it; newer ones read the provider's metadata."""

from __future__ import annotations

from typing import Any

from airflow_provider_signalwire.provider_info import get_provider_info


def form_widgets() -> dict[str, Any]:
    """Return a field of wtforms for each extra."""
    # Airflow 2 has these packages. Airflow 3.1 puts its own in their place; 3.0 without them labels no provider's form.
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import NumberRange, Optional

    def field(label: str, schema: dict[str, Any], description: str) -> Any:
        kind = schema["type"][0]
        if kind == "boolean":
            return BooleanField(label, default=schema["default"], description=description)
        if kind == "integer":
            validators = [Optional(), NumberRange(schema["minimum"], schema["maximum"])]
            return IntegerField(label, validators=validators, widget=BS3TextFieldWidget(), description=description)
        if schema.get("format") == "password":
            return PasswordField(
                label, validators=[Optional()], widget=BS3PasswordFieldWidget(), description=description
            )
        # These Airflows know no field for fractions; the hook reads the number from the text.
        return StringField(label, validators=[Optional()], widget=BS3TextFieldWidget(), description=description)

    return {name: field(**extra) for name, extra in _connection_type()["conn-fields"].items()}


def field_behaviour() -> dict[str, Any]:
    """Return labels, placeholders and hidden fields among those every connection has."""
    return {key.replace("-", "_"): value for key, value in _connection_type()["ui-field-behaviour"].items()}


def _connection_type() -> dict[str, Any]:
    connection_type: dict[str, Any] = get_provider_info()["connection-types"][0]
    return connection_type
