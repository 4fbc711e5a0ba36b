"""The streams of a batch: read, validated and deduplicated once into a spool, from which the work reads them."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from airflow_provider_signalwire.batch.formats import RawRow, UnreadableError, decode_text, read_rows
from airflow_provider_signalwire.client.protocol.redaction import (
    mask_phone_numbers,
    redact,
    secrets_in_url,
    short_repr,
)
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, CONFERENCE, STREAM_PARENTS, StreamParent
from airflow_provider_signalwire.client.protocol.validation import validate_sid, validate_text
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError, SignalWireError

_MAX_PROBLEMS = 10
_MAX_QUOTE = 200
_CHUNK_BYTES = 1024 * 1024

_DIGEST_BYTES = 16
_CACHE_KB = 4000

_SID = re.compile("[0-9A-Za-z-]{32,36}")

_EXPECTED = "{'call_sid': …, 'stream_sid': …}"

# Retrying does not make a file appear, give it another path, or install the library for its storage.
_PERMANENT_ERRORS = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError, ValueError, ImportError)


class StreamRow(NamedTuple):
    """A stream to stop.

    :param parent_sid: SID of the call or conference.
    :param stream_sid: The stream's SID or its name.
    :param parent: What the stream belongs to.
    """

    parent_sid: str
    stream_sid: str
    parent: StreamParent = CALL

    @property
    def ids(self) -> dict[str, str]:
        """The row as in the input."""
        return {self.parent.id_name: self.parent_sid, "stream_sid": self.stream_sid}

    def __str__(self) -> str:
        return f"stream {self.stream_sid!r} on {self.parent.noun} {self.parent_sid!r}"


@dataclass(frozen=True)
class SpooledRows:
    """The unique rows of a batch, in the order of the input.

    :param spool: The file that holds them.
    :param requested: Number of rows in the input.
    :param unique: Number of rows without the duplicates.
    :param fingerprint: Differs for any other unique rows.
    """

    spool: IO[bytes]
    requested: int
    unique: int
    fingerprint: str

    def __iter__(self) -> Iterator[StreamRow]:
        self.spool.seek(0)
        for line in self.spool:
            id_name, parent_sid, stream_sid = line[:-1].decode().split("\t")
            yield StreamRow(parent_sid, stream_sid, STREAM_PARENTS[id_name])


@contextlib.contextmanager
def spool_rows(source: Any, *, check_cancelled: Callable[[], None] = lambda: None) -> Iterator[SpooledRows]:
    """Read the rows of a source once, and provide them until the ``with`` block ends.

    :param source: An iterable of mappings with ``call_sid`` or ``conference_sid``, and ``stream_sid`` (or
        ``sid``); the path of a file (string or ObjectStoragePath) in one of the :mod:`formats
        <airflow_provider_signalwire.batch.formats>`; or a JSON array as a string.
    :param check_cancelled: Called for every row; raises an error to end the reading.
    :raises SignalWireConfigurationError: if the source or any row is invalid.
    :raises SignalWireError: if a file cannot be read at present.
    """
    # The file has no name, so nothing is left of it even if the process is killed.
    with tempfile.TemporaryFile(prefix="signalwire-batch-") as spool:
        with contextlib.closing(_make_digests()) as digests:
            rows = _fill(spool, digests, source, check_cancelled)
        yield rows


def _make_digests() -> sqlite3.Connection:
    """Return an empty table of digests in a temporary file: memory does not grow with the number of rows."""
    database = sqlite3.connect("", isolation_level=None)
    for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"):
        database.execute(f"PRAGMA {setting}")
    database.execute("CREATE TABLE digests (digest BLOB PRIMARY KEY) WITHOUT ROWID")
    database.execute("BEGIN")
    return database


def _fill(
    spool: IO[bytes], digests: sqlite3.Connection, source: Any, check_cancelled: Callable[[], None]
) -> SpooledRows:
    problems: list[str] = []
    unique = 0
    fingerprint = hashlib.blake2b(digest_size=16)
    requested = 0
    try:
        for raw in _raw_rows(source):
            check_cancelled()
            requested += 1
            try:
                row = _read_row(raw.value)
            except (SignalWireConfigurationError, UnreadableError) as error:
                problem = str(error).removesuffix(".")
                problems.append(f"{raw.place}{': ' if problem.startswith('Parameter') else ' '}{problem}")
                if len(problems) == _MAX_PROBLEMS:
                    break
                continue
            line = f"{row.parent.id_name}\t{row.parent_sid}\t{row.stream_sid}\n".encode()
            digest = hashlib.blake2b(line, digest_size=_DIGEST_BYTES).digest()
            if digests.execute("INSERT OR IGNORE INTO digests VALUES (?)", (digest,)).rowcount:
                unique += 1
                fingerprint.update(digest)
                spool.write(line)
    except UnreadableError as error:
        problems.append(str(error))
    if problems:
        raise SignalWireConfigurationError(
            f"No stream was stopped: these rows of {_source_name(source)} are invalid: {'; '.join(problems)}."
            + (" To render JSON, use the filter 'tojson', or pass the task's output itself." * _is_json(source))
        )
    return SpooledRows(spool, requested=requested, unique=unique, fingerprint=fingerprint.hexdigest())


def _read_row(value: Any) -> StreamRow:
    if isinstance(value, UnreadableError):
        raise value
    if type(value) is not dict and not isinstance(value, Mapping):
        shown = short_repr(value)
        raise SignalWireConfigurationError(f"is {shown}: expected {_EXPECTED}.")
    # A stream's own record has its SID under 'sid'.
    stream_key = "sid" if "stream_sid" not in value and "sid" in value else "stream_sid"
    parent = _parent_of(value)
    if parent is None or stream_key not in value:
        missing = f"no {stream_key!r}" if parent else "neither 'call_sid' nor 'conference_sid'"
        raise SignalWireConfigurationError(f"has {missing}, but {short_repr(list(value))}: expected {_EXPECTED}.")
    parent_sid, stream_sid = value[parent.id_name], value[stream_key]
    if not is_sid(parent_sid) or not is_sid(stream_sid):
        validate_sid(parent.id_name, parent_sid)
        validate_sid(stream_key, stream_sid)
    return StreamRow(parent_sid, stream_sid, parent)


def _parent_of(value: Mapping[Any, Any]) -> StreamParent | None:
    """Return whether a row is about a call or a conference. It may have both keys if one of them is empty."""
    if CONFERENCE.id_name not in value:
        return CALL if CALL.id_name in value else None
    if CALL.id_name not in value or value[CALL.id_name] in (None, ""):
        return CONFERENCE
    if value[CONFERENCE.id_name] in (None, ""):
        return CALL
    raise SignalWireConfigurationError(
        "has both 'call_sid' and 'conference_sid': a stream belongs to a call or to a conference."
    )


def is_sid(value: Any) -> bool:
    """Return whether an id has the shape of a SID; such an id needs no further validation."""
    return isinstance(value, str) and _SID.fullmatch(value) is not None


def _raw_rows(source: Any) -> Iterable[RawRow]:
    if source is None or (isinstance(source, str) and source.strip() in ("", "None")):
        raise SignalWireConfigurationError(
            f"Parameter 'streams' is {source!r}: expected rows or a file of rows. An upstream task may have returned "
            "nothing."
        )
    if _is_json(source):
        return read_rows([source])
    if _is_path(source):
        return read_rows(decode_text(_read_file(source)))
    if isinstance(source, (Mapping, bytes)) or not isinstance(source, Iterable):
        raise SignalWireConfigurationError(
            f"Parameter 'streams' is of type {type(source).__name__}: expected an iterable of {_EXPECTED}, or the path "
            "of a file of such rows."
        )
    return (RawRow(value, number=number) for number, value in enumerate(source, start=1))


def _is_json(source: Any) -> bool:
    return isinstance(source, str) and source.lstrip()[:1] in ("[", "{")


def _is_path(source: Any) -> bool:
    return isinstance(source, str) or hasattr(source, "open")


def _source_name(source: Any) -> str:
    if _is_json(source) or not _is_path(source):
        return "'streams'"
    return short_repr(redact(str(source), secrets_in_url(str(source))))


def _read_file(source: Any) -> Iterator[bytes]:
    try:
        if isinstance(source, str):
            source = _path(validate_text("streams", source))
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except SignalWireConfigurationError:
        raise
    except _PERMANENT_ERRORS as error:
        raise SignalWireConfigurationError(_cannot_read(source, error)) from None
    except Exception as error:
        raise SignalWireError(f"{_cannot_read(source, error)} A retry may succeed.") from None


def _path(source: str) -> Any:
    if "://" not in source:  # importing Airflow's object storage takes as long as reading thousands of rows
        return Path(source)
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(source)


def _cannot_read(source: Any, error: Exception) -> str:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    reason = mask_phone_numbers(redact(reason, secrets_in_url(str(source))))
    return (
        f"Could not read the file {_source_name(source)} of 'streams' ({type(error).__name__}: {reason[:_MAX_QUOTE]})."
    )
