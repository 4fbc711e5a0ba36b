"""What a URL may hold in confidence."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

# What is shorter is a word rather than a key.
_SHORTEST_KEY = 8


def secrets_in_url(url: str) -> set[str]:
    """Return the keys in a URL's query and its password, both as they are meant and as they are written there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}  # it is refused before it is sent; nobody knows what of it is a secret
    keys = [value for _, value in parse_qsl(parts.query) if len(value) >= _SHORTEST_KEY]
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    written = [value for value in values if unquote_plus(value) in keys]
    passwords = [parts.password, unquote(parts.password)] if parts.password else []
    return {*keys, *written, *passwords}
