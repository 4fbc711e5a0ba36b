"""List the provider's dependencies (``make sbom``), or check them for known vulnerabilities (``make audit``).

Both inspect a new environment with only the wheel and its dependencies, in the versions that the tests use. The folder
.build/supply-chain is rebuilt each time.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from environments import PROJECT_DIR, TOOLS, build, make_environment, run

WORK_DIR = PROJECT_DIR / ".build" / "supply-chain"
SBOM = PROJECT_DIR / ".build" / "sbom.cdx.json"
PACKAGE = "airflow-provider-signalwire"

# A path on this machine, credentials, or a private package index.
PRIVATE = re.compile(r"file:|://[^/\s\"]*@|/simple\b|" + re.escape(str(PROJECT_DIR)))


def main() -> None:
    """Run the command on the command line."""
    commands = {"sbom": sbom, "audit": audit}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(f"Usage: supply_chain.py {'|'.join(commands)}")
    commands[sys.argv[1]]()


def sbom() -> None:
    """Write the SBOM and check it."""
    python = build_environment()
    run(TOOLS / "cyclonedx-py", "environment", "--output-reproducible", "--output-file", SBOM, python)
    text = SBOM.read_text()
    found = problems(text, direct_dependencies())
    if found:
        SBOM.unlink()
        sys.exit("The SBOM is invalid and was removed: " + "; ".join(found))
    print(f"==> {SBOM.relative_to(PROJECT_DIR)}: {len(json.loads(text)['components'])} components, CycloneDX")


def audit() -> None:
    """Ask PyPI for known vulnerabilities. A dependency that cannot be audited is a failure, too."""
    python = build_environment()
    versions = subprocess.check_output([TOOLS / "uv", "pip", "freeze", "--python", python], text=True)
    requirements = WORK_DIR / "requirements.txt"
    requirements.write_text("".join(line for line in versions.splitlines(True) if not line.startswith(PACKAGE)))
    command = (TOOLS / "pip-audit", "--strict", "--disable-pip", "--no-deps", "--progress-spinner", "off")
    if subprocess.run([*command, "--requirement", requirements], check=False).returncode != 0:
        sys.exit(
            "The audit found vulnerabilities or could not run; see the output above. It requires https://pypi.org: "
            "mirrors do not have the vulnerability data."
        )


def build_environment() -> Path:
    """Install the wheel into a new environment and return its interpreter."""
    shutil.rmtree(WORK_DIR, ignore_errors=True)
    (wheel,) = (file for file in build(PROJECT_DIR, WORK_DIR / "dist") if file.suffix == ".whl")
    python = make_environment(WORK_DIR / "venv", wheel)
    # These files contain the local path of the wheel, which would be included in the SBOM.
    for file in (WORK_DIR / "venv").glob("lib/*/site-packages/*.dist-info/direct_url.json"):
        file.unlink()
    return python


def direct_dependencies() -> set[str]:
    """Return the names of the package's dependencies."""
    project: dict[str, Any] = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]
    return {re.split(r"[<>=!~;\[ ]", requirement)[0] for requirement in project["dependencies"]}


def problems(text: str, dependencies: set[str]) -> list[str]:
    """Return the problems of an SBOM."""
    sbom_data = json.loads(text)
    versions = {component["name"]: component.get("version") for component in sbom_data["components"]}
    missing = sorted(name for name in {PACKAGE, *dependencies} if not versions.get(name))
    private = sorted({found[0] for found in PRIVATE.finditer(text)})
    return [
        *(["it is not in CycloneDX format"] if sbom_data.get("bomFormat") != "CycloneDX" else []),
        *([f"it lacks {', '.join(missing)}"] if missing else []),
        *([f"it contains private data: {', '.join(private)}"] if private else []),
    ]


if __name__ == "__main__":
    main()
