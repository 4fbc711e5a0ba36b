"""Build the files of a release in dist, test them, and list them.

Run by ``make release-check``. The wheel and the source distribution are each installed into a new environment that runs
the demo. The unit tests run in the unpacked source distribution.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from environments import PROJECT_DIR, TOOLS, build, make_environment, run

DIST = PROJECT_DIR / "dist"
WORK = PROJECT_DIR / ".build" / "release"


def main() -> None:
    """Build and test the files; exit at the first failure."""
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.rmtree(DIST, ignore_errors=True)
    WORK.mkdir(parents=True)

    step("Building twice, from two folders")
    files = build(PROJECT_DIR, DIST)
    compare(files, build(copy_of_checkout(), WORK / "second"))

    step("Checking the metadata")
    run(TOOLS / "twine", "check", "--strict", *files)

    for file in files:
        step(f"Installing {file.name} into a new environment, and running the demo")
        python = make_environment(WORK / file.suffix.lstrip("."), f"{file}[simulator]")
        run_demo(python)

    step("Running the unit tests of the source distribution")
    run_unit_tests(next(file for file in files if file.suffix == ".gz"))

    step("Files to upload:")
    for file in files:
        print(f"{file.relative_to(PROJECT_DIR)}  {file.stat().st_size:,} bytes  sha256:{digest(file)}")


def step(text: str) -> None:
    """Print the next step."""
    print(f"==> {text}", flush=True)


def copy_of_checkout() -> Path:
    """Copy the files of the checkout to another folder, with new modification times."""
    copy = WORK / "copy"
    listing = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - the user's git
        cwd=PROJECT_DIR,
        text=True,
    )
    for name in filter(None, listing.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT_DIR / name, copy / name)
    return copy


def compare(first: list[Path], second: list[Path]) -> None:
    """Exit unless both builds have the same files with the same content."""
    digests = [{file.name: digest(file) for file in files} for files in (first, second)]
    if digests[0] != digests[1] or len(first) != 2:
        sys.exit(f"Two builds differ: {digests[0]} and {digests[1]}")


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run_demo(python: Path) -> None:
    """Run the demo with the installed package and example DAGs, outside of the checkout."""
    folder = Path(tempfile.mkdtemp(dir=WORK))
    shutil.copytree(PROJECT_DIR / "scripts", folder / "scripts")
    code = "import airflow_provider_signalwire as package; print(package.__path__[0])"
    package = Path(subprocess.check_output([python, "-c", code], cwd=folder, text=True).strip())
    shutil.copytree(package / "example_dags", folder / "example_dags")
    run(python, folder / "scripts" / "demo.py", cwd=folder)


def run_unit_tests(source: Path) -> None:
    """Unpack a source distribution, install it into a new environment, and run its unit tests there."""
    with tarfile.open(source) as archive:
        archive.extractall(WORK / "sdist", filter="data")
    (unpacked,) = (WORK / "sdist").iterdir()
    python = make_environment(WORK / "tests", f"{unpacked}[simulator]", "--group", f"{unpacked}/pyproject.toml:test")
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit", cwd=unpacked)


if __name__ == "__main__":
    main()
