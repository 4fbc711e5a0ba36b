"""Parses an HTTP/1.1 response, strictly. Both transports use it, so both accept and refuse the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_signalwire.client.protocol.http import MAX_BODY_BYTES, FailureKind

MAX_HEAD_BYTES = 65536
MAX_LINE_BYTES = 8000
MAX_HEADERS = 100

_TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:" + _TEXT
_HEAD = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: " + _TEXT + rb")?\r\n(?:" + _FIELD + rb"\r\n)*\r\n")
_FIELD_LINE = re.compile(_FIELD)
_LENGTH = re.compile("[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;" + _TEXT + rb")?")
_PREFIX = b"HTTP/1."
_STATUSES_WITHOUT_BODY = frozenset({204, 304})

Fields = tuple[tuple[str, str], ...]


class ResponseError(Exception):
    """A response that cannot be used.

    :param kind: ``malformed``, ``too_large`` or ``lost``.
    :param reason: What is wrong with it; quotes nothing of the response.
    """

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers of a response.

    :param status: HTTP status.
    :param headers: Headers by lower-case name; repeated ones are joined by commas.
    :param keep_alive: Whether another request may follow on the connection.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    keep_alive: bool


class ResponseParser:
    """Parses one final response; informational ones before it are skipped.

    It refuses what servers never send and what recipients read differently: bare line feeds, folded or invalid header
    lines, conflicting or unusual framing.
    """

    def __init__(self) -> None:
        self.head: Head | None = None
        self.error: ResponseError | None = None
        self.complete = False
        self._buffer = bytearray()
        self._framing: Literal["length", "chunked", "eof"] = "length"
        self._expected: Literal["size", "data", "chunk end", "trailers"] = "size"  # of a chunked body
        self._remaining = 0  # bytes of the body, or of its current chunk, that are still to come
        self._body_size = 0
        self._trailers = 0

    @property
    def is_reusable(self) -> bool:
        """Whether the connection can carry another request: nothing came after the response."""
        return self.complete and not self._buffer and self.head is not None and self.head.keep_alive

    def feed(self, data: bytes) -> bytes:
        """Take received bytes and return those of the body among them, decoded.

        :raises ResponseError: if the response is malformed or too large.
        """
        self._buffer += data
        try:
            if self.head is None:
                self._read_head()
            return b"" if self.head is None else self._read_body()
        except ResponseError as error:
            self.error = error
            raise

    def feed_eof(self) -> None:
        """Take the end of the connection.

        :raises ResponseError: if the response is not complete.
        """
        if self.head is not None and self._framing == "eof":
            self.complete = True
        elif not self.complete:
            self.error = ResponseError("lost", "Connection closed before the response was complete")
            raise self.error

    def _read_head(self) -> None:
        while self.head is None and self._buffer:
            if not self._buffer.startswith(_PREFIX) and not _PREFIX.startswith(self._buffer):
                raise ResponseError("malformed", "Not an HTTP/1.1 response")
            end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES) + 4
            if end >= 4:
                self._parse_head(self._take(end))
            elif len(self._buffer) >= MAX_HEAD_BYTES:
                raise ResponseError("malformed", "Headers too long")
            else:
                return

    def _parse_head(self, head: bytes) -> None:
        match = _HEAD.fullmatch(head)
        if not match:
            raise ResponseError("malformed", "Invalid status line or headers")
        lines = head.split(b"\r\n")[:-2]
        if len(lines) > MAX_HEADERS + 1 or max(map(len, lines)) > MAX_LINE_BYTES:
            raise ResponseError("malformed", "Headers too long or too many")
        status = int(match[2])
        if status == 101:
            raise ResponseError("malformed", "Unexpected protocol switch")
        if status < 200:
            return
        split_lines = [line.decode("latin-1").split(":", 1) for line in lines[1:]]
        fields = tuple((name.lower(), value.strip(" \t")) for name, value in split_lines)
        is_http_11 = match[1] == b"1"
        self._set_framing(fields, status, is_http_11=is_http_11)
        keep_alive = is_http_11 and self._framing != "eof" and not _asks_to_close(fields)
        headers: dict[str, str] = {}
        for name, value in fields:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.head = Head(status, headers, keep_alive)
        self._count(self._remaining)

    def _set_framing(self, fields: Fields, status: int, *, is_http_11: bool) -> None:
        lengths = [value for name, value in fields if name == "content-length"]
        encodings = [value.lower() for name, value in fields if name == "transfer-encoding"]
        if encodings and (encodings != ["chunked"] or lengths or not is_http_11):
            raise ResponseError("malformed", "Conflicting or unsupported Transfer-Encoding")
        if len(lengths) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
            raise ResponseError("malformed", "Invalid Content-Length")
        if status in _STATUSES_WITHOUT_BODY:
            return
        if encodings:
            self._framing = "chunked"
        elif lengths:
            self._remaining = int(lengths[0])
        else:
            self._framing = "eof"

    def _read_body(self) -> bytes:
        if self._framing == "chunked":
            return b"".join(self._read_chunks())
        if self._framing == "eof":
            self._count(len(self._buffer))
            return self._take(len(self._buffer))
        data = self._take_remaining()
        self.complete = not self._remaining
        return data

    def _read_chunks(self) -> Iterator[bytes]:
        while not self.complete and self._buffer:
            if self._expected == "data":
                yield self._take_remaining()
                if not self._remaining:
                    self._expected = "chunk end"
                continue
            line = self._take_line()
            if line is None:
                return
            self._read_line_between_chunks(line)

    def _read_line_between_chunks(self, line: bytes) -> None:
        if self._expected == "size":
            match = _CHUNK_SIZE.fullmatch(line)
            if not match:
                raise ResponseError("malformed", "Invalid chunk size")
            self._remaining = int(match[1], 16)
            self._count(self._remaining)
            self._expected = "data" if self._remaining else "trailers"
        elif self._expected == "chunk end":
            if line:
                raise ResponseError("malformed", "Chunk longer than its size")
            self._expected = "size"
        elif not line:
            self.complete = True
        else:
            self._trailers += 1
            if self._trailers > MAX_HEADERS or not _FIELD_LINE.fullmatch(line):
                raise ResponseError("malformed", "Invalid trailers")

    def _count(self, size: int) -> None:
        self._body_size += size
        if self._body_size > MAX_BODY_BYTES:
            raise ResponseError("too_large", f"Body larger than {MAX_BODY_BYTES // 2**20} MiB")

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        length = len(self._buffer) - 1 if end < 0 else end  # the last byte may be the first of the line's end
        if length > MAX_LINE_BYTES:
            raise ResponseError("malformed", "Line too long")
        return None if end < 0 else self._take(end + 2)[:-2]

    def _take_remaining(self) -> bytes:
        data = self._take(min(self._remaining, len(self._buffer)))
        self._remaining -= len(data)
        return data

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def _asks_to_close(fields: Fields) -> bool:
    options = [value for name, value in fields if name == "connection"]
    return any(option.strip(" \t") == "close" for option in ",".join(options).lower().split(","))
