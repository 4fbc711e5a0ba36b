"""Secrets that can be recognized wherever they turn up."""

from __future__ import annotations

import base64

from secret_search import search

from airflow_provider_signalwire.simulator.settings import DEFAULT_PROJECT

# Each differs in plain text, URL-encoded and in Base64.
TOKEN = "PT+nobody/may=read&8c1f"
BEARER = "bearer+nobody/may=read&77aa"
URL_KEY = "url+key/nobody=may&read51d0"

BASIC = base64.b64encode(f"{DEFAULT_PROJECT}:{TOKEN}".encode()).decode()


def secrets_in(text: str) -> set[str]:
    """Return the names of the secrets that a string shows in any form."""
    secrets = {"token": TOKEN, "bearer token": BEARER, "URL's key": URL_KEY}
    return {name for _, name in search([("output", text.encode())], secrets)}
