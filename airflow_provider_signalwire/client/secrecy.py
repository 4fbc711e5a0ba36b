"""Keeping secrets out of what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SHORT = 3


def blank_out(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text."""
    # The longest first, for a shorter one may be a part of it and would leave its rest readable.
    for secret in sorted(secrets, key=len, reverse=True):
        pattern = re.escape(secret)
        # One like 'en' is blanked out as a word only, or it would riddle every message.
        text = re.sub(pattern if len(secret) > _SHORT else rf"(?<!\w){pattern}(?!\w)", "***", text)
    return text
