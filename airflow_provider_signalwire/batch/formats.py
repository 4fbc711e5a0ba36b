"""The formats a list of streams may have as text: JSON Lines, a JSON array, or CSV with a header."""

from __future__ import annotations

import codecs
import csv
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

# A row has two ids. Anything larger is not a row, so the search for its closing bracket ends here.
_MAX_ROW_CHARACTERS = 1024 * 1024

_PARENT_COLUMNS = frozenset({"call_sid", "conference_sid"})
_STREAM_COLUMNS = frozenset({"stream_sid", "sid"})

_PYTHON_QUOTE = re.compile(r"[\[{,:]\s*'")
_PYTHON_LITERAL = re.compile(r"[\[,:]\s*(None|True|False)\b")
_BETWEEN_ELEMENTS = re.compile(r"\s*")
_DECODER = json.JSONDecoder()

_GZIP_MARK = b"\x1f\x8b"

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the mark of UTF-16, so it comes first
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class UnreadableError(ValueError):
    """A part of the text that cannot be read; the message continues "line 3 …"."""


class RawRow(NamedTuple):
    """A row before it is validated.

    :param value: The decoded row, or an UnreadableError if it could not be decoded.
    :param line: The line of the text in which it starts.
    :param number: Its number, where a line may hold more than one.
    """

    value: Any
    line: int | None = None
    number: int | None = None

    @property
    def place(self) -> str:
        """Where the row is, for an error message."""
        if self.line is None:
            return f"row {self.number}"
        return f"line {self.line}" + (f" (row {self.number})" if self.number else "")


def decode_text(chunks: Iterable[bytes]) -> Iterator[str]:
    """Decode UTF-8 and UTF-16, with or without a byte order mark.

    :raises UnreadableError: for any other encoding.
    """
    chunks = iter(chunks)
    first = next(chunks, b"")
    encoding = _encoding_of(first)
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        for chunk in itertools.chain([first], chunks):
            yield decoder.decode(chunk)
            line += chunk.count(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        if first.startswith(_GZIP_MARK):
            reason = "line 1 is not text: decompress the file"
        else:
            name = encoding.removesuffix("-sig").upper()
            reason = f"line {line} is not {name}: save the file as UTF-8 (Windows tools often write Windows-1252)"
    else:
        return
    raise UnreadableError(reason)


def _encoding_of(start: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    # In every format the first character is ASCII, so one of the first two bytes is zero in UTF-16.
    if start[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if start[:1] == b"\0" else "utf-8"


def read_rows(chunks: Iterable[str]) -> Iterator[RawRow]:
    """Return the rows of a text; its first character determines the format.

    :raises UnreadableError: if nothing after some point can be read.
    """
    chunks = iter(chunks)
    start = ""
    for chunk in chunks:
        start += chunk
        if start.strip():
            break
    chunks = itertools.chain([start], chunks)
    first = start.lstrip()[:1]
    if first == "[":
        return _read_json_array(chunks)
    lines = enumerate(_split_lines(chunks), start=1)
    return _read_json_lines(lines) if first in ("{", "") else _read_csv(lines)


def _split_lines(chunks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        yield from lines
    if rest:
        yield rest


def _read_json_lines(lines: Iterable[tuple[int, str]]) -> Iterator[RawRow]:
    for number, line in lines:
        text = line.strip()
        if text:
            try:
                value, end = _DECODER.raw_decode(text)
                if end < len(text):
                    raise json.JSONDecodeError("Extra data", text, end)
            except (ValueError, RecursionError) as error:
                value = _not_json(text, error)
            yield RawRow(value, number)


def _read_json_array(chunks: Iterator[str]) -> Iterator[RawRow]:
    array = _ArrayText(chunks)
    array.skip("[")
    if not array.skip("]"):
        for number in itertools.count(1):
            line = array.line
            yield RawRow(array.decode_element(), line, number)
            if array.skip("]"):
                break
            if not array.skip(","):
                raise UnreadableError(f"line {array.line} is not JSON: ',' or ']' expected after a row")
    if array.peek():
        raise UnreadableError(f"line {array.line} is not JSON: text after the closing ']'")


class _ArrayText:
    """The text of a JSON array; only the current element is held in memory."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self._text = ""
        self._position = 0
        self.line = 1

    def peek(self) -> str:
        """Return the next character that is not white space, or an empty string at the end."""
        while True:
            match = _BETWEEN_ELEMENTS.match(self._text, self._position)
            self._advance(match.end() if match else self._position)
            if self._position < len(self._text):
                return self._text[self._position]
            if not self._read_more():
                return ""

    def skip(self, character: str) -> bool:
        """Skip a character if it is the next one, and return whether it was."""
        if self.peek() != character:
            return False
        self._position += 1
        self.peek()
        return True

    def decode_element(self) -> Any:
        """Decode the value that starts here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except (ValueError, RecursionError) as error:
                rest = self._text[self._position :]
                if isinstance(error, RecursionError) or len(rest) > _MAX_ROW_CHARACTERS or not self._read_more():
                    raise UnreadableError(f"line {self.line} {_not_json(rest, error)}") from None
            else:
                self._advance(end)
                return value

    def _advance(self, position: int) -> None:
        self.line += self._text.count("\n", self._position, position)
        self._position = position

    def _read_more(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._text = self._text[self._position :] + chunk
        self._position = 0
        return True


def _not_json(text: str, error: Exception) -> UnreadableError:
    literal = _PYTHON_LITERAL.search(text)
    if isinstance(error, RecursionError):
        reason = "nested too deeply"
    elif not isinstance(error, json.JSONDecodeError):
        reason = "a number has too many digits"
    elif _PYTHON_QUOTE.search(text):
        reason = "single quotes"
    elif literal:
        reason = f"{literal[1]} is Python"
    elif error.msg == "Extra data":
        reason = f"text after the object, in column {error.colno}"
    elif error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
        reason = "truncated"
    else:
        reason = f"{error.msg[0].lower()}{error.msg[1:]} in column {error.colno}"
    return UnreadableError(f"is not JSON: {reason}")


def _read_csv(lines: Iterator[tuple[int, str]]) -> Iterator[RawRow]:
    first, header_line = next((number, line) for number, line in lines if line.strip())
    delimiter = max(",;\t", key=header_line.count)
    header = [name.strip().strip('"').lower() for name in header_line.split(delimiter)]
    if problem := _header_problem(header):
        yield RawRow(UnreadableError(problem), first)
        return
    reader = csv.reader((f"{line}\n" for _, line in lines), delimiter=delimiter, strict=True)
    number = first + 1
    try:
        for fields in reader:
            if len(fields) == len(header):
                yield RawRow(dict(zip(header, fields, strict=True)), number)
            elif any(map(str.strip, fields)):
                reason = f"is not CSV: {len(fields)} fields where the header has {len(header)}"
                yield RawRow(UnreadableError(reason), number)
            number = first + 1 + reader.line_num
    except csv.Error:
        raise UnreadableError(f"line {number} is not CSV: unbalanced quotes") from None


def _header_problem(header: list[str]) -> str | None:
    if not _PARENT_COLUMNS & set(header) or not _STREAM_COLUMNS & set(header):
        return "is not readable: expected JSON, or a CSV header with 'call_sid' or 'conference_sid', and 'stream_sid'"
    repeated = [name for name in _PARENT_COLUMNS | _STREAM_COLUMNS if header.count(name) > 1]
    return f"has the column {repeated[0]!r} more than once" if repeated else None
