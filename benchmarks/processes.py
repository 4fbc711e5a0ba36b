"""Running a part of a benchmark in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def result_of(*arguments: str, given: str = "") -> Any:
    """Run Python with these arguments, and return the JSON value of the last line it prints.

    :param given: What it reads from standard input.
    """
    child = subprocess.run(  # the command is ours
        [sys.executable, *arguments], input=given, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(child.stdout.splitlines()[-1])
