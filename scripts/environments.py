"""Build the package, and install it into new environments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent
CONSTRAINTS = PROJECT_DIR / "constraints" / "airflow-3.3.txt"
TOOLS = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path = PROJECT_DIR) -> None:
    """Run a command; exit if it fails."""
    # Otherwise, uv would change the environment that runs this process.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if subprocess.run(command, cwd=cwd, env=environment, check=False).returncode != 0:
        sys.exit(f"Failed: {' '.join(map(str, command))}")


def build(source: Path, folder: Path) -> list[Path]:
    """Build the source distribution, and the wheel from it."""
    run(TOOLS / "uv", "build", "--quiet", "--python", sys.executable, "--out-dir", folder, source)
    return sorted(file for file in folder.iterdir() if file.suffix in (".whl", ".gz"))


def make_environment(folder: Path, *requirements: str | Path) -> Path:
    """Create an environment with these requirements and return its interpreter."""
    python = folder / "bin" / "python"
    run(TOOLS / "uv", "venv", "--quiet", "--python", sys.executable, folder)
    run(TOOLS / "uv", "pip", "install", "--quiet", "--python", python, "--constraint", CONSTRAINTS, *requirements)
    return python
