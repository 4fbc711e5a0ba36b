"""The simulator as a command: ``python -m airflow_provider_signalwire.simulator``."""

from __future__ import annotations

import argparse
import errno
import signal
from collections.abc import Sequence

from airflow_provider_signalwire.simulator.errors import describe_problem
from airflow_provider_signalwire.simulator.server import SimulatorServer
from airflow_provider_signalwire.simulator.settings import SCOPES

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    :param arguments: the command line, that of the process unless given
    """
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    # Blocked before the server's thread starts, which inherits that: a signal interrupts nothing.
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with SimulatorServer(**options) as server:
            print(f"SignalWire simulator listening on {server.url}", flush=True)
            signal.sigwait(_SIGNALS)
    except ValueError as error:
        parser.error(describe_problem(error))
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            port = f"port {options['port']} is already in use: pass another with --port"
            parser.error(f"cannot listen on {options['host']}: {port}")
        parser.error(str(error))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_signalwire.simulator",
        description="An in-memory SignalWire for tests and demos.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="loopback host to listen on (%(default)s)")
    add("--port", type=int, default=8787, help="port to listen on, 0 for any free one (%(default)s)")
    add("--project", required=True, help="Project ID, the API's user name")
    add("--token", required=True, help="API token, the API's password")
    add("--subproject", action="append", default=[], dest="subprojects", metavar="SID", help="another account SID")
    add("--scopes", nargs="+", choices=SCOPES, default=SCOPES, help="scopes of the token (all)")
    add("--latency-ms", type=float, default=0, help="pause before each response (%(default)s)")
    add("--answer-delay-ms", type=float, default=500, help="time until a call is answered (%(default)s)")
    add("--stop-delay-ms", type=float, default=500, help="time until a stream is stopped (%(default)s)")
    add("--rate-limit", metavar="N/SECONDS", help="limit of POST, PUT and PATCH requests (none)")
    add("--signing-key", default="simulator-signing-key", metavar="KEY", help="signs status callbacks")
    return parser


if __name__ == "__main__":
    main()
