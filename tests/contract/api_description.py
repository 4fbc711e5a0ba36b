"""SignalWire's endpoints as ``signalwire.yaml`` describes them, and checks of values against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests
import yaml
from jsonschema import Draft202012Validator

Document = dict[str, Any]

API_ROOT = "/api/laml/2010-04-01"
FORM = "application/x-www-form-urlencoded"


def load(path: str | Path) -> Document:
    document = yaml.load(Path(path).read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    assert isinstance(document, dict)
    return document


SIGNALWIRE = load(Path(__file__).with_name("signalwire.yaml"))


def operations(document: Document) -> list[tuple[str, str]]:
    """Return method and path of each operation."""
    methods = ("get", "post", "delete")
    return [(method.upper(), path) for path, item in document["paths"].items() for method in methods if method in item]


def full_path(path: str) -> str:
    """Return a path below the root of the server."""
    return path if path.startswith("/api/") else API_ROOT + path


def operation(document: Document, method: str, path: str) -> Document:
    found: Document = document["paths"][path][method.lower()]
    return found


def resolve(document: Document, node: Document) -> Document:
    """Follow a reference."""
    while "$ref" in node:
        target: Any = document
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    return node


def parameters(document: Document, method: str, path: str, place: str) -> dict[str, Document]:
    """Return the schemas of an operation's parameters in its path or its query, by name."""
    resolved = [resolve(document, parameter) for parameter in operation(document, method, path)["parameters"]]
    return {parameter["name"]: parameter["schema"] for parameter in resolved if parameter["in"] == place}


def form_schema(document: Document, method: str, path: str) -> Document | None:
    """Return the schema of an operation's form; None if it has none."""
    content = operation(document, method, path).get("requestBody", {"content": {}})["content"]
    return resolve(document, content[FORM]["schema"]) if FORM in content else None


def problems(document: Document, schema: Document, value: object) -> list[str]:
    """Return how a value differs from its schema."""
    whole = {"components": document["components"], **schema}
    validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def assert_described(method: str, path: str, response: requests.Response) -> None:
    """Check a response's status, content type and body."""
    responses = operation(SIGNALWIRE, method, path)["responses"]
    assert str(response.status_code) in responses, response.text
    described = resolve(SIGNALWIRE, responses[str(response.status_code)])
    if "content" not in described:
        assert response.content == b""
        return
    assert response.headers["Content-Type"].startswith("application/json")
    found = problems(SIGNALWIRE, described["content"]["application/json"]["schema"], response.json())
    assert not found, found
