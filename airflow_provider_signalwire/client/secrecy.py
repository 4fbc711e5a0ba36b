"""Keeping secrets out of what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SHORT = 3


class Secrets:
    """Texts to keep out of what is shown; whoever shows a traceback with local variables shows none of them.

    :param texts: The secrets.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)


def blank_out(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text."""
    # The longest first, for a shorter one may be a part of it and would leave its rest readable.
    for secret in sorted(secrets, key=len, reverse=True):
        pattern = re.escape(secret)
        # One like 'en' is blanked out as a word only, or it would riddle every message.
        text = re.sub(pattern if len(secret) > _SHORT else rf"(?<!\w){pattern}(?!\w)", "***", text)
    return text
