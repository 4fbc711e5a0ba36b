"""Links to files and headings that do not exist are found."""

from __future__ import annotations

import pytest

REPOSITORY = "https://github.com/airflow-provider-signalwire/airflow-provider-signalwire"


@pytest.fixture(scope="module")
def check_links(load_script):
    return load_script("check_links")


@pytest.fixture
def broken_in(check_links, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "stop.md").write_text(
        "# Stop\n\n## If there is `nothing` to stop\n\n```sh\n# no heading\n```\n"
    )

    def broken_in(text):
        page = tmp_path / "README.md"
        page.write_text(f"# Read me\n\n{text}\n")
        return check_links.broken_links(page, tmp_path)

    return broken_in


@pytest.mark.parametrize(
    "link",
    [
        "docs/stop.md",
        "docs/stop.md#if-there-is-nothing-to-stop",
        "#read-me",
        f"{REPOSITORY}/blob/main/docs/stop.md#stop",
        f"{REPOSITORY}/tree/main/docs",
        f"{REPOSITORY}/issues",
        "https://example.com/docs/none.md",
    ],
)
def test_link_that_leads_somewhere_is_accepted(broken_in, link):
    assert broken_in(f"[`Stop`]({link})") == []


@pytest.mark.parametrize(
    "link",
    [
        "docs/none.md",
        "docs/stop.md#no-heading",
        "#stop",
        f"{REPOSITORY}/blob/main/docs/none.md",
        f"{REPOSITORY}/blob/main/docs/stop.md#none",
    ],
)
def test_link_that_leads_nowhere_is_found(broken_in, link):
    assert broken_in(f"[Stop]({link})") == [link]
    assert broken_in(f"[Stop][s]\n\n[s]: {link}") == [link]


def test_links_in_code_are_ignored(broken_in):
    assert broken_in("`[a](none.md)`\n\n```md\n[b](none.md)\n```") == []
