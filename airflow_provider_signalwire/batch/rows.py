"""Which streams a batch is to stop: rows from a list, an XCom or a file, checked before the first request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from airflow_provider_signalwire.client.protocol.redaction import short_repr
from airflow_provider_signalwire.client.protocol.validation import encode_path_segment
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

_PROBLEMS_SHOWN = 10


class StreamRow(NamedTuple):
    """A stream to stop: its call, and its SID or name."""

    call_sid: str
    stream_sid: str


class CheckedRows(NamedTuple):
    """What going through all rows has shown.

    :param requested: How many there are.
    :param different: How many there are without the duplicates.
    :param fingerprint: Tells these rows from any others.
    """

    requested: int
    different: int
    fingerprint: str


class StreamRows:
    """The rows of a source that can be gone through more than once, without holding them in memory.

    :param source: An iterable of mappings with ``call_sid`` and ``stream_sid``; or the path (text or
        ObjectStoragePath) of a file that holds one such JSON object a line.
    """

    def __init__(self, source: Any) -> None:
        self._source = source if _is_path(source) else _repeatable(source)

    def __iter__(self) -> Iterator[StreamRow]:
        for number, row in self._numbered():
            yield _row(number, row)

    def check(self) -> CheckedRows:
        """Go through all rows once.

        :raises SignalWireConfigurationError: naming the first rows that are wrong.
        """
        problems: list[str] = []
        requested = different = 0
        fingerprint = hashlib.blake2b(digest_size=16)

        def valid() -> Iterator[StreamRow]:
            nonlocal requested
            for number, given in self._numbered():
                requested += 1
                try:
                    yield _row(number, given)
                except SignalWireConfigurationError as error:
                    problems.append(str(error))
                    if len(problems) == _PROBLEMS_SHOWN:
                        return

        for row in distinct(valid()):
            different += 1
            fingerprint.update(_digest(row))
        if problems:
            raise SignalWireConfigurationError(
                "Nothing was stopped, for there are wrong rows in 'streams'. " + " ".join(problems)
            )
        return CheckedRows(requested, different, fingerprint.hexdigest())

    def _numbered(self) -> Iterator[tuple[int, Any]]:
        return enumerate(_lines(self._source) if _is_path(self._source) else self._source, start=1)


def distinct(rows: Iterable[StreamRow]) -> Iterator[StreamRow]:
    """Yield the rows, but leave out those that came before."""
    seen: set[bytes] = set()
    for row in rows:
        digest = _digest(row)
        if digest not in seen:
            seen.add(digest)
            yield row


def _digest(row: StreamRow) -> bytes:
    """Return what takes a fraction of the memory of the texts, and never is the same for two rows in practice."""
    return hashlib.blake2b("\0".join(row).encode(), digest_size=16).digest()


def _is_path(source: Any) -> bool:
    return isinstance(source, str) or hasattr(source, "open")


def _repeatable(source: Any) -> Iterable[Any]:
    if isinstance(source, (Mapping, bytes)) or not isinstance(source, Iterable):
        raise SignalWireConfigurationError(
            f"Parameter 'streams' is a {type(source).__name__}: expected an iterable of "
            "{'call_sid': …, 'stream_sid': …}, or the path of a file with one such JSON object a line."
        )
    # An iterator could be gone through only once; checking every row first takes a second time.
    return list(source) if isinstance(source, Iterator) else source


def _lines(path: Any) -> Iterator[Any]:
    given = path
    try:
        if isinstance(path, str):
            from airflow.providers.common.compat.sdk import ObjectStoragePath

            path = ObjectStoragePath(path)
        with path.open("r", encoding="utf-8") as file:
            for line in iter(file.readline, ""):  # before Airflow 3.1, the file cannot be iterated over
                if line.strip():
                    yield _decoded(line)
    except (OSError, ValueError) as error:  # the latter for another encoding, and for a scheme Airflow does not know
        raise SignalWireConfigurationError(f"The file of streams {given} cannot be read: {error}.") from None


def _decoded(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line.strip()  # a row that is no mapping is refused, by its number


def _row(number: int, row: Any) -> StreamRow:
    if not isinstance(row, Mapping):
        raise SignalWireConfigurationError(
            f"Row {number} is {short_repr(row)}: expected {{'call_sid': …, 'stream_sid': …}}."
        )
    for key in StreamRow._fields:
        if key not in row:
            raise SignalWireConfigurationError(f"Row {number} has no {key!r}: {short_repr(dict(row))}.")
        try:
            encode_path_segment(key, row[key])
        except SignalWireConfigurationError as error:
            raise SignalWireConfigurationError(f"Row {number}: {error}") from None
    return StreamRow(row["call_sid"], row["stream_sid"])
