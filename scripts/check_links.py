"""Check the links between the pages of this repository, without network access.

A relative link, or one to this repository on GitHub, must lead to an existing file and heading.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent
REPOSITORY = "https://github.com/airflow-provider-signalwire/airflow-provider-signalwire/"
CODE_BLOCK = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
PAGES = ("*.md", "llms.txt", "docs/**/*.md", "benchmarks/*.md", ".github/**/*.md")


def main() -> None:
    """Print the broken links; fail if there are any."""
    pages = sorted({path for pattern in PAGES for path in PROJECT_DIR.glob(pattern)})
    broken = [f"{page.relative_to(PROJECT_DIR)}: {link}" for page in pages for link in broken_links(page, PROJECT_DIR)]
    if broken:
        sys.exit("Broken links:\n" + "\n".join(broken))


def broken_links(page: Path, root: Path) -> list[str]:
    """Return the links of a page whose file or heading does not exist in the repository."""
    links = (match[1] or match[2] for match in LINK.finditer(CODE.sub("", CODE_BLOCK.sub("", page.read_text()))))
    return [link for link in links if not is_valid(link, page, root)]


def is_valid(link: str, page: Path, root: Path) -> bool:
    """Return whether a link's target exists or is outside of the repository."""
    if link.startswith(REPOSITORY):
        kind, _, path = link.removeprefix(REPOSITORY).partition("/main/")
        if kind not in ("blob", "tree"):
            return True
        page, link = root / "page", path
    if re.match(r"[a-z]+:", link):
        return True
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in anchors(target.read_text())


def anchors(text: str) -> set[str]:
    """Return the anchors of a Markdown text's headings."""
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(CODE_BLOCK.sub("", text)))
    return {heading.replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    main()
