"""The notes of a release are the changelog's section of its tag, or the release stops."""

from __future__ import annotations

import pytest

PACKAGE = '"""A package."""\n\n__version__ = "1.2.0"\n'
CHANGELOG = "# Changelog\n\n## 1.2.0 - 2026-01-02\n\n- New.\n\n## 1.1.0 - 2025-01-02\n\n- Old.\n"


@pytest.fixture(scope="module")
def release_notes(load_script):
    return load_script("release_notes").release_notes


def test_notes_are_the_section_of_the_version(release_notes):
    assert release_notes("v1.2.0", PACKAGE, CHANGELOG) == "- New."


def test_notes_of_the_oldest_version_end_with_the_file(release_notes):
    assert release_notes("v1.1.0", PACKAGE.replace("1.2.0", "1.1.0"), CHANGELOG) == "- Old."


@pytest.mark.parametrize(
    ("tag", "changelog", "message"),
    [
        ("v1.3.0", CHANGELOG, "Tag v1.3.0 does not match the package's version 1.2.0."),
        ("1.2.0", CHANGELOG, "Tag 1.2.0 does not match the package's version 1.2.0."),
        ("v1.2.0", "# Changelog\n", "CHANGELOG.md has no section for 1.2.0."),
        ("v1.2.0", "## 1.2.0 - unreleased\n", "CHANGELOG.md has no date for 1.2.0, but 'unreleased'."),
    ],
)
def test_release_stops_if_tag_version_and_changelog_disagree(release_notes, tag, changelog, message):
    with pytest.raises(SystemExit, match=f"^{message}$"):
        release_notes(tag, PACKAGE, changelog)
