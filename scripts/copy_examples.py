"""Copy the code of the example DAGs into the guides.

In a guide, the comment ``<!-- from: example_dags/stop_call_stream.py -->`` marks the code block after it.
With ``--check``, write nothing; exit with status 1 if a guide is outdated.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- from: (\S+) -->\n```python\n)(.*?)(```\n)", re.DOTALL)


def update_code(page: str) -> str:
    """Return a page with the current code in every marked block."""
    return BLOCK.sub(lambda block: block[1] + (ROOT / block[2]).read_text() + block[4], page)


def main(*, check: bool) -> None:
    """Update the pages, or report outdated ones."""
    pages = {path: path.read_text() for path in (ROOT / "docs").rglob("*.md")}
    outdated = [path for path, page in pages.items() if update_code(page) != page]
    for path in outdated:
        if not check:
            path.write_text(update_code(pages[path]))
    if check and outdated:
        names = ", ".join(str(path.relative_to(ROOT)) for path in outdated)
        sys.exit(f"The code in these pages differs from the example DAGs: {names}. Run scripts/copy_examples.py.")


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
