"""Our description against the vendor's: the same paths, parameters, fields, required keys, types, enums and limits.

``conftest.py`` leaves this module out unless ``SIGNALWIRE_API_DESCRIPTION`` names one of the vendor's OpenAPI
documents. The documents beside it are used, too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from api_description import SIGNALWIRE, Document, form_schema, load, operation, operations, problems, resolve

VENDOR = [load(path) for path in sorted(Path(os.environ["SIGNALWIRE_API_DESCRIPTION"]).parent.glob("*.yaml"))]

# These explain, prefill or generate code; none of them changes what may be sent.
ANNOTATIONS = {"title", "description", "summary", "example", "examples", "default", "explode", "operationId", "tags"}
ANNOTATIONS |= {"discriminator", "x-left-out"}
# The vendor spells out two custom parameters and says in words that there may be 99; ours is a pattern.
CUSTOM_PARAMETERS = {"patternProperties", "Parameter1.Name", "Parameter1.Value", "Parameter2.Name", "Parameter2.Value"}


def essence(document: Document, node: Any) -> Any:
    """Return a part of a document in a form that depends on what it means, not on how it is written."""
    if isinstance(node, list):
        return [essence(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: value for key, value in resolve(document, node).items() if not _is_annotation(key, value)}
    if list(node) == ["allOf"]:
        [only] = node["allOf"]
        return essence(document, only)
    if {"type": "null"} in node.get("anyOf", []):
        [other] = [essence(document, option) for option in node["anyOf"] if option != {"type": "null"}]
        enum = {"enum": [*other["enum"], None]} if "enum" in other else {}
        return essence(document, other | {"type": [other["type"], "null"]} | enum)
    return {key: _essence_of_key(document, key, value) for key, value in node.items()}


def _is_annotation(key: str, value: Any) -> bool:
    is_schema = isinstance(value, dict) and "type" in value  # of a field that is called "description", say
    is_default = (key, value) in (("required", False), ("format", "int32"), ("format", "float"))
    return (key in ANNOTATIONS and not is_schema) or is_default or key in CUSTOM_PARAMETERS


def _essence_of_key(document: Document, key: str, value: Any) -> Any:
    if key == "unevaluatedProperties":
        return value not in (False, {"not": {}})
    if key in ("required", "enum", "type") and isinstance(value, list):
        return sorted(value, key=str)
    if key == "parameters":
        return sorted(essence(document, value), key=lambda parameter: (parameter["in"], parameter["name"]))
    return essence(document, value)


def vendors(path: str) -> Document:
    """Return the vendor's document that describes a path."""
    return next(document for document in VENDOR if path in document["paths"])


@pytest.mark.parametrize(("method", "path"), operations(SIGNALWIRE), ids=lambda part: part)
def test_operation_agrees_with_the_vendor(method, path):
    documents = (SIGNALWIRE, vendors(path))
    ours, theirs = (essence(document, operation(document, method, path)) for document in documents)
    if path == "/api/calling/calls":  # we use two of its commands
        commands = [one["requestBody"]["content"]["application/json"]["schema"].pop("oneOf") for one in (ours, theirs)]
        assert all(command in commands[1] for command in commands[0])
    assert ours == theirs


@pytest.mark.parametrize("kind", ["Call", "Conference"])
def test_custom_parameters_agree_with_the_vendor(kind):
    path = f"/Accounts/{{AccountSid}}/{kind}s/{{{kind}Sid}}/Streams"
    ours, theirs = (form_schema(document, "POST", path) for document in (SIGNALWIRE, vendors(path)))
    custom = {name for name in theirs["properties"] if name.startswith("Parameter")}
    assert custom == CUSTOM_PARAMETERS - {"patternProperties"}
    assert not problems(SIGNALWIRE, ours, {"Url": "wss://example.com", **dict.fromkeys(custom, "x")})
