"""Search for responses that end in anything but a record or a SignalWireError.

Run by ``make fuzz``. Atheris measures which lines an example reaches and mutates those that reach new ones. An example
that violates a property of ``fuzz_flows.py`` is written to .build/fuzz; once it is fixed, it belongs in the corpus.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

CORPUS = Path(__file__).parent / "corpus"
WORK_DIR = Path(__file__).resolve().parent.parent.parent / ".build" / "fuzz"

# Airflow is imported before the instrumentation: it is not under test, and slow with it.
importlib.import_module("airflow.providers.common.compat.sdk")

with atheris.instrument_imports(include=["airflow_provider_signalwire", "fuzz_flows"]):
    import fuzz_flows

WORDS = (
    *fuzz_flows.FLOWS,
    *("200", "204", "301", "400", "401", "404", "409", "422", "429", "500", "503", "\n\n", "\n====\n"),
    *("Retry-After: ", "X-Request-Id: ", "Fri, 02 Jan 2026 03:04:35 GMT", fuzz_flows.TOKEN, fuzz_flows.URL_KEY),
    *('"sid"', '"status"', '"call_sid"', '"name"', '"account_sid"', '"end_time"', '"calls"', '"next_page_uri"'),
    *('"errors"', '"code"', '"message"', '"more_info"', '"call"', '"stream"', '"stopped"', '"queued"', '"completed"'),
    *("/api/laml/", "null", "true", "NaN", "Infinity", "-1e999", "1e5", "\\ud800", "\\u0000", "\\u2028"),
    *('{"sid":', "[["),
)


def main() -> None:
    """Run the examples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=3600, help="maximum time")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable()
    found = WORK_DIR / "corpus"
    found.mkdir(parents=True, exist_ok=True)
    words = WORK_DIR / "words.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS))
    atheris.Setup(
        [
            sys.argv[0],
            f"-runs={options.examples}",
            f"-max_total_time={options.seconds}",
            f"-seed={options.seed}",
            f"-dict={words}",
            f"-artifact_prefix={WORK_DIR}/",
            "-max_len=2000",
            "-print_final_stats=1",
            "-timeout=10",
            str(found),
            str(CORPUS),
        ],
        _check,
    )
    atheris.Fuzz()


def _check(data: bytes) -> None:
    fuzz_flows.check_outcome(*fuzz_flows.read_example(data))


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    main()
