"""Run the shell blocks of the page "Getting started"."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from airflow_database import copy_migrated_database

PAGE = Path(__file__).parents[2] / "docs" / "getting-started.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_blocks_stop_a_stream(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    copy_migrated_database(tmp_path / "airflow")
    steps = PAGE.read_text().split("## 2. ")[1].split("## With an account")[0]
    port = str(free_port())
    blocks = "".join(BLOCK.findall(steps)).replace("8787", port).replace("my-token &", f"my-token --port {port} &")
    # The database is migrated. To migrate one takes seconds; make demo does.
    airflow = """airflow() { [ "$*" = "db migrate" ] || command airflow "$@"; }"""
    script = f"set -e\ntrap 'kill $(jobs -p)' EXIT\n{airflow}\n{blocks}"
    environment = {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    if sys.pycache_prefix:  # compiling Airflow would take as long as all the rest
        environment["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

    result = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=180,
    )

    assert result.returncode == 0, result.stdout
    lines = re.findall(r"Stream is (\S+): 'stream-1' \('transcriber'\) on call 'call-1'", result.stdout)
    assert list(dict.fromkeys(lines)) == ["queued", "stopped"], result.stdout  # before 3.1, Airflow logs lines twice
