"""A hash of the package's code that ignores comments, docstrings and blank lines."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "airflow_provider_signalwire"


def code_hash(*modules: str) -> str:
    """Return the hash of files and folders of the package.

    :param modules: Their paths; by default, the whole package.
    """
    digest = hashlib.sha256()
    for module in modules or (".",):
        path = PACKAGE / module
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.relative_to(PACKAGE).as_posix().encode())
            for line in _code_lines(source.read_text()):
                digest.update(line.encode() + b"\n")
    return digest.hexdigest()[:16]


def _code_lines(source: str) -> Iterator[str]:
    documentation = _docstring_lines(ast.parse(source))
    for number, line in enumerate(source.splitlines(), start=1):
        code = line.strip()
        if code and not code.startswith("#") and number not in documentation:
            yield line


def _docstring_lines(tree: ast.Module) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=[ast.Expr(value=ast.Constant(value=str())) as first, *_])
                | ast.ClassDef(body=[ast.Expr(value=ast.Constant(value=str())) as first, *_])
                | ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str())) as first, *_])
                | ast.AsyncFunctionDef(body=[ast.Expr(value=ast.Constant(value=str())) as first, *_])
            ):
                lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines
