"""What Airflow stores and logs, place by place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Artifact = tuple[str, bytes]


def files(folder: Path) -> Iterator[Artifact]:
    """Every file in a folder, byte by byte: logs, the database, its write-ahead log or journal."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"file {path.relative_to(folder)}", path.read_bytes()


def tables(database: sqlite3.Connection) -> list[str]:
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in names]


def rows(database: sqlite3.Connection, table: str) -> Iterator[Artifact]:
    """Every row of a table; in the database's file, a long value lies in pieces."""
    for row in database.execute(f'SELECT * FROM "{table}"'):
        yield f"table {table}", b"\0".join(_as_bytes(value) for value in row)


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
