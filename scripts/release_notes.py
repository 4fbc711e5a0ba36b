"""Print the section of the changelog for a tag.

Run by the release workflow. Fails unless the tag matches the package's version and the changelog has it with a date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print the notes of the tag given on the command line."""
    (tag,) = sys.argv[1:]
    package = (PROJECT_DIR / "airflow_provider_signalwire" / "__init__.py").read_text()
    print(release_notes(tag, package, (PROJECT_DIR / "CHANGELOG.md").read_text()))


def release_notes(tag: str, package: str, changelog: str) -> str:
    """Return the section for a tag.

    :param tag: ``v`` and the version.
    :param package: Text of the module that declares ``__version__``.
    :param changelog: Text of the changelog.
    :raises SystemExit: The version differs from the package's, or is missing from the changelog or undated there.
    """
    declared = re.search(r'^__version__ = "(.+)"$', package, re.MULTILINE)
    if declared is None or tag != f"v{declared[1]}":
        sys.exit(f"Tag {tag} does not match the package's version {declared[1] if declared else 'None'}.")
    section = re.search(rf"^## {re.escape(declared[1])} - (\S+)\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if section is None:
        sys.exit(f"CHANGELOG.md has no section for {declared[1]}.")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", section[1]):
        sys.exit(f"CHANGELOG.md has no date for {declared[1]}, but {section[1]!r}.")
    return section[2].strip()


if __name__ == "__main__":
    main()
