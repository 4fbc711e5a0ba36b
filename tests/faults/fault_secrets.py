"""Secrets that can be recognized wherever they turn up, and the search for them."""

from __future__ import annotations

import base64
from urllib.parse import quote

from airflow_provider_signalwire.simulator.settings import DEFAULT_PROJECT

# Each differs in plain text, URL-encoded and in Base64.
TOKEN = "PT+nobody/may=read&8c1f"
BEARER = "bearer+nobody/may=read&77aa"
URL_KEY = "url+key/nobody=may&read51d0"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


BASIC = _base64(f"{DEFAULT_PROJECT}:{TOKEN}")


def _forms() -> dict[str, str]:
    forms = {"token as Basic": BASIC, "token as Basic, URL-encoded": quote(BASIC, safe="")}
    for name, secret in {"token": TOKEN, "bearer token": BEARER, "URL's key": URL_KEY}.items():
        forms |= {
            name: secret,
            f"{name}, URL-encoded": quote(secret, safe=""),
            f"{name}, partly URL-encoded": quote(secret),
            f"{name} in Base64": _base64(secret),
        }
    return forms


FORMS = _forms()


def secrets_in(text: str) -> list[str]:
    """Return the names of the secrets that a string shows, and in what form."""
    return [name for name, form in FORMS.items() if form in text]
