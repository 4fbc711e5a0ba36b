"""The forms that a secret may lie around in, and the search for them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import quote, quote_plus


@cache
def forms_of(secret: str) -> set[bytes]:
    """Return every form that is searched for; one that contains another is found by that one."""
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret), repr(secret)[1:-1]}
    texts |= {_with_lower_case_escapes(text) for text in texts}
    for _ in range(2):  # JSON in JSON is what log files are full of
        texts |= {json.dumps(text, ensure_ascii=is_ascii)[1:-1] for text in texts for is_ascii in (True, False)}
    forms = {text.encode() for text in texts}
    for text in {secret, quote(secret, safe=""), quote_plus(secret)}:
        forms |= set(_base64_forms(text.encode()))
    return {form for form in forms if not any(other in form for other in forms if other != form)}


def search(traces: Iterable[tuple[str, bytes]], secrets: dict[str, str]) -> set[tuple[str, str]]:
    """Return each place with the name of each secret that it shows in any form.

    :param traces: places and what they hold
    :param secrets: the secrets by their names
    """
    forms = {name: forms_of(secret) for name, secret in secrets.items()}
    return {
        (place, name)
        for place, content in traces
        for name, of_secret in forms.items()
        if any(form in content for form in of_secret)
    }


def _with_lower_case_escapes(text: str) -> str:
    head, *escaped = text.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in escaped)])


def _base64_forms(secret: bytes) -> Iterator[bytes]:
    """Yield the parts of a secret that are visible in the Base64 of any surrounding text, in both alphabets."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            # The characters at its ends hold bits of its neighbours too, so they could be any.
            first = -(-before * 8 // 6)
            last = (before + len(secret)) * 8 // 6
            yield encode(b"\0" * before + secret)[first:last]
