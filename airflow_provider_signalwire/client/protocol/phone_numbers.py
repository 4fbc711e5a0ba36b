"""Telephone numbers in strings: which digits are one, and how it is masked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_MIN_DIGITS = 10
_MIN_DIGITS_AFTER_PLUS = 7

# The patterns are verbose: white space in them means nothing outside of square brackets.
_PLUS = r"(?:\+|%2[Bb])"  # also in a URL
_SEPARATOR = r"(?:%20|[ \u00a0\u2007\u2009\u202f./()\u2010-\u2015\u2212-]){1,3}"
_NOT_AFTER_WORD = r"(?<![0-9A-Za-z+%]) (?<!\d\.)"
_NOT_BEFORE_WORD = r"(?!\d) (?: (?=x\d) | (?![0-9A-Za-z]) )"  # an extension may follow: 5551234567x89

_INTERNATIONAL = rf"{_PLUS} \d{{7,15}} (?!\d)"  # +15551234567
_INTERNATIONAL_GROUPS = rf"{_PLUS} \(?\d{{1,6}} (?:{_SEPARATOR}\d{{1,12}})+ (?!\d)"  # +1 (555) 123-4567
_NATIONAL = rf"{_NOT_AFTER_WORD} \d{{10,15}} {_NOT_BEFORE_WORD}"  # 15551234567
_NATIONAL_GROUPS = rf"{_NOT_AFTER_WORD} \(?\d{{1,9}} (?:{_SEPARATOR}\d{{1,9}})+ {_NOT_BEFORE_WORD}"  # (555) 123-4567
_NUMBER = f"{_INTERNATIONAL} | {_INTERNATIONAL_GROUPS} | {_NATIONAL} | {_NATIONAL_GROUPS}"

# These have as many digits as a telephone number.
_UUID = r"(?<![0-9A-Za-z]) [0-9A-Za-z]{8} (?:-[0-9A-Za-z]{4}){3} -[0-9A-Za-z]{12} (?![0-9A-Za-z])"
_ISO_DATE = r"(?<!\d) \d{4}-\d\d-\d\d (?!\d)"  # 2026-11-22
_DATE = r"(?<!\d) \d{1,2} (?P<point>[/.]) \d{1,2} (?P=point) \d{4} (?!\d)"  # 11/22/2026, 22.11.2026
_ZONE = r"[ ]?[+-]\d\d:?\d\d (?!\d)"  # +00:00
_TIME = rf"(?<!\d) \d{{1,2}}:\d\d (?: :\d\d (?:[.,]\d+)? )? (?:{_ZONE})? (?!\d)"  # 07:59, 07:59:55.123 +0000
_DAY = r"(?:19|20)\d\d (?:0[1-9]|1[0-2]) (?:0[1-9]|[12]\d|3[01])"  # 20261122
_COMPACT_TIME = rf"(?<!\d) {_DAY} (?:[01]\d|2[0-3]) [0-5]\d [0-5]\d (?!\d)"  # 20261122075955
_EPOCH = r"(?<!\d) 1[6-9]\d{8} (?:\d{3})? (?!\d) (?:\.\d+)?"  # 1767225600.123, 1767225600123
_OCTET = r"(?: 25[0-5] | 2[0-4]\d | 1?\d?\d )"
_IP_ADDRESS = rf"(?<![\d.]) (?:{_OCTET}\.){{3}} {_OCTET} (?![\d.]*\d)"  # 192.168.100.200
_LOOKALIKE = f"{_UUID} | {_ISO_DATE} | {_DATE} | {_TIME} | {_COMPACT_TIME} | {_EPOCH} | {_IP_ADDRESS}"

_LOOKALIKE_OR_NUMBER = re.compile(f"(?P<lookalike>{_LOOKALIKE}) | {_NUMBER}", re.VERBOSE)


def mask_phone_numbers(text: str, *, known: Iterable[str] = ()) -> str:
    """Replace every telephone number in a string by ``***`` and its last four digits.

    A telephone number is a run of digits, in one piece or in groups that spaces, hyphens, dots or parentheses
    separate: at least 7 digits after a ``+`` (in a URL, ``%2B``), otherwise at least 10. More than 15 digits in one
    piece are no telephone number. Slashes separate groups after a ``+`` or a leading ``0`` only.

    Left alone are digits that are part of a word, UUIDs, dates, times, seconds and milliseconds since 1970, decimal
    numbers and IP addresses.

    :param known: Numbers and addresses to mask however short they are, in any grouping.
    """
    for number in known:
        for pattern in _spellings(number):
            text = re.sub(pattern, lambda found: _masked(found[0]), text)
    return _LOOKALIKE_OR_NUMBER.sub(_mask_match, text)


def _spellings(number: str) -> Iterator[str]:
    """Yield patterns of a number as it is, as in a URL, and in any grouping of its digits."""
    for spelling in {number, quote(number, safe="", errors="replace")}:
        if spelling:
            yield rf"(?<!\w){re.escape(spelling)}(?!\w)"
    digits = _digits(number)
    if len(digits) >= _MIN_DIGITS_AFTER_PLUS:
        yield rf"(?<!\w){_PLUS}?\(?{f'(?:{_SEPARATOR})?'.join(digits)}(?!\d)"


def _mask_match(found: re.Match[str]) -> str:
    text = found[0]
    has_plus = text[0] in "+%"
    too_few = len(_digits(text)) < (_MIN_DIGITS_AFTER_PLUS if has_plus else _MIN_DIGITS)
    is_decimal = text.count(".") == 1 and text.replace(".", "").isdigit()
    is_fraction = "/" in text and not has_plus and not text.startswith("0")
    return text if found["lookalike"] or too_few or is_decimal or is_fraction else _masked(text)


def _masked(number: str) -> str:
    digits = _digits(number)
    plus = "+" if number.startswith("+") or number[:3].upper() == "%2B" else ""
    return f"{plus}***{digits[-4:] if len(digits) >= _MIN_DIGITS_AFTER_PLUS else ''}"


def _digits(number: str) -> str:
    without_escapes = re.sub("%2[Bb]|%20", "", number)
    return "".join(character for character in without_escapes if character.isdigit())
