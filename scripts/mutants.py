"""Mutation testing: change the code in one place at a time and report which unit test fails.

``make mutants SAMPLE=3 SEED=1`` tests three random mutants of each package in a copy of the project. For each mutant,
it runs the tests of the package and, if they pass, all unit tests. A survivor means that a test is missing, unless the
change has no effect.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import difflib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT_DIR = Path(__file__).resolve().parent.parent
PACKAGE = "airflow_provider_signalwire"
UNIT_TESTS = Path("tests/unit")
CLIENT_LAYERS = [f"client/{name}" for name in ("protocol", "config", "policy", "flows", "transport")]
TOP_LEVEL = "top-level"
AIRFLOW_PACKAGES = ["hooks", "operators", "sensors", "triggers", "batch", "notifications", "cli"]
PACKAGES = [*CLIENT_LAYERS, *AIRFLOW_PACKAGES, "simulator", TOP_LEVEL]
MAX_SECONDS_PER_TEST = 60
MAX_SECONDS_PER_RUN = 900
PYTEST = "pytest -x -q --tb=no --no-header --disable-warnings -p no:cacheprovider -o faulthandler_exit_on_timeout=true"

PAIRS = [
    (ast.Eq, ast.NotEq),
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
]
OPPOSITES: dict[type[ast.AST], Any] = dict([*PAIRS, *((after, before) for before, after in PAIRS)])


@dataclass(frozen=True)
class Mutant:
    """A module with one change."""

    path: Path
    line: int
    original: str
    mutated: str

    def __str__(self) -> str:
        lines = difflib.unified_diff(self.original.splitlines(), self.mutated.splitlines(), n=1, lineterm="")
        return "\n    ".join([f"{self.path}:{self.line}", *list(lines)[3:]])


def mutated_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the changed versions of a node."""
    changed: Any = copy.deepcopy(node)
    match changed:
        case ast.Compare(ops=[operator]) if type(operator) in OPPOSITES:
            changed.ops = [OPPOSITES[type(operator)]()]
            yield changed
        case ast.BoolOp(op=operator) | ast.BinOp(op=operator) if type(operator) in OPPOSITES:
            changed.op = OPPOSITES[type(operator)]()
            yield changed
        case ast.UnaryOp(op=ast.Not()):
            yield changed.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)) if re.fullmatch(r"[\w.<>/-]+", value):  # a key or a name, not a message
            yield ast.Constant(f"{value}X")
        case ast.IfExp():
            yield changed.body
            yield changed.orelse
        case ast.Call(keywords=[_, *_]):
            changed.keywords.pop()
            yield changed
        case ast.Return(value=ast.expr()) if ast.unparse(changed) != "return None":
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Break() | ast.Continue():
            yield ast.Pass()


def executed_nodes(node: ast.AST) -> Iterator[Any]:
    """Yield the descendants of a node, without docstrings, annotations, imports and f-strings."""
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            is_type_checking = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            # Python 3.11 has no correct positions for the parts of an f-string.
            is_skipped = isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom)
            if isinstance(child, ast.AST) and not (is_docstring or is_type_checking or is_skipped):
                yield child
                yield from executed_nodes(child)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    original = (PROJECT_DIR / path).read_text(encoding="utf-8")
    starts = [0]
    for line in original.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in executed_nodes(ast.parse(original)):
        for changed in mutated_nodes(node):
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            code = ast.unparse(changed)
            if isinstance(changed, ast.expr) and not isinstance(changed, ast.Constant):
                code = f"({code})"
            mutated = original.encode()[:begin] + code.encode() + original.encode()[end:]
            yield Mutant(path, node.lineno, original, mutated.decode())


def mirrored_tests(package: str) -> Path:
    """Return the most specific folder of unit tests for a package; the command line is tested with a database."""
    if package == "cli":
        return Path("tests/integration/test_cli.py")
    tests = UNIT_TESTS / package
    while not (PROJECT_DIR / tests).is_dir():
        tests = tests.parent
    return tests


def run_tests(project: Path, tests: Path) -> str | None:
    """Run tests until one fails, and return its name; return None if all pass."""
    command = [sys.executable, "-m", *PYTEST.split(), "-o", f"faulthandler_timeout={MAX_SECONDS_PER_TEST}", str(tests)]
    environment = {**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(command, cwd=project, env=environment, start_new_session=True, **streams)
    try:
        output, _ = process.communicate(timeout=MAX_SECONDS_PER_RUN)
    except subprocess.TimeoutExpired:
        return f"a timeout after {MAX_SECONDS_PER_RUN} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # leftover processes
    if process.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
    return failed[1] if failed else f"exit status {process.returncode} (a test over {MAX_SECONDS_PER_TEST} s?)"


def find_failing_test(mutant: Mutant, package: str, project: Path) -> str | None:
    """Return the first unit test that fails with a mutant, or None if it survives."""
    module = project / mutant.path
    module.write_text(mutant.mutated, encoding="utf-8")
    try:
        return run_tests(project, mirrored_tests(package)) or run_tests(project, UNIT_TESTS)
    finally:
        module.write_text(mutant.original, encoding="utf-8")


def sample_mutants(package: str, size: int, seed: int) -> list[Mutant]:
    """Return random mutants of a package, the same for the same seed and code."""
    folder = PROJECT_DIR / PACKAGE
    modules = sorted(folder.glob("*.py") if package == TOP_LEVEL else (folder / package).rglob("*.py"))
    mutants = [mutant for module in modules for mutant in mutants_of(module.relative_to(PROJECT_DIR))]
    return random.Random(f"{seed} {package}").sample(mutants, min(size, len(mutants)))  # noqa: S311 - not a secret


def main() -> None:
    """Print which test kills each mutant, the rate, and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES, help=f"some of: {' '.join(PACKAGES)}")
    parser.add_argument("--sample", type=int, default=3, help="mutants per package")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    killed, survivors = 0, []
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        project = Path(directory) / "project"
        shutil.copytree(PROJECT_DIR, project, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        for hidden in (".venv", ".ci"):
            (project / hidden).symlink_to(PROJECT_DIR / hidden)
        if failed := run_tests(project, UNIT_TESTS):
            sys.exit(f"The unit tests must pass without a mutant: {failed} failed")
        for package in options.packages:
            for mutant in sample_mutants(package, options.sample, options.seed):
                killer = find_failing_test(mutant, package, project)
                print(f"{mutant}\n    {f'killed by {killer}' if killer else 'SURVIVED'}", flush=True)
                killed += killer is not None
                survivors += [mutant] if killer is None else []
    total = killed + len(survivors)
    print(f"\nKilled {killed} of {total} mutants ({killed / total:.1%}), seed {options.seed}. Survivors:")
    print("\n".join(map(str, survivors)) or "none")


if __name__ == "__main__":
    main()
