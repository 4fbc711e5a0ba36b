"""Send the same requests to SignalWire and to a simulator, and show where the responses differ.

Without --yes, the test reads calls, sends requests that are refused, and spends nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from live_smoke.observation import Observer
from live_smoke.probe import Probe
from live_smoke.report import compare, render
from live_smoke.steps import CannotContinueError, NewCall, StreamSteps, free_steps, read_call

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.config.space import is_loopback
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.simulator import SimulatorServer

REPORT = Path(__file__).resolve().parent.parent / ".build" / "smoke-report.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps, print the table and write the report.

    :returns: 0 if no response differed and no step failed to run.
    """
    options = _parse(arguments)
    try:
        return _run(options, SignalWireHook(options.conn_id).settings)
    except SignalWireError as error:
        sys.exit(str(error))


def _run(options: argparse.Namespace, settings: ClientSettings) -> int:
    host = urlsplit(settings.origin).hostname or ""
    inputs = (options.call_sid, options.to, options.from_, options.stream_url)
    observer = Observer([*settings.secrets, settings.project_id, host, host.partition(".")[0], *filter(None, inputs)])

    print("==> Running the steps against a simulator", flush=True)
    with SimulatorServer() as simulator:
        simulated_settings = ClientSettings(
            origin=simulator.url, project_id=simulator.project, api_token=simulator.token
        )
        simulated = Probe(simulated_settings, observer)
        call_sid = simulator.seed(count=2)[0]["sid"]  # two calls, so that the list has a next page
        free_steps(simulated)
        call = call_sid if options.call_sid else NewCall(to="+15550100001", from_="+15550100002")
        StreamSteps(simulated, call, "wss://media.example.com/stream").run()

    print(f"==> Running the steps against the connection {options.conn_id!r}", flush=True)
    live = Probe(settings, observer)
    not_run = _run_live(live, options)
    comparison = compare(live.observations, simulated.observations)
    report = render(comparison, is_simulator=is_loopback(host), not_run=not_run)
    options.report.parent.mkdir(exist_ok=True)
    options.report.write_text(report)
    print(f"\n{report}\n==> Written to {options.report}")
    return 0 if comparison.matches and (not_run is None or not options.yes) else 1


def _run_live(live: Probe, options: argparse.Namespace) -> str | None:
    """Run the steps that were agreed to, and return why others did not run."""
    free_steps(live)
    try:
        if options.yes:
            _run_stream_steps(live, options)
            return None
        if options.call_sid:
            read_call(live, options.call_sid)
    except CannotContinueError as reason:
        return str(reason)
    return "--yes was not given"


def _run_stream_steps(live: Probe, options: argparse.Namespace) -> None:
    call = options.call_sid or NewCall(to=options.to, from_=options.from_)
    steps = StreamSteps(live, call, options.stream_url)
    try:
        steps.run()
    finally:
        if steps.left_running:
            print(f"Check your Space. These may still be running: {', '.join(steps.left_running)}.", file=sys.stderr)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="smoke.py", description=__doc__)
    add = parser.add_argument
    add("--conn-id", default="signalwire_default", help="Airflow connection to use (%(default)s)")
    add("--yes", action="store_true", help="place a call or use that of --call-sid, start streams on it, hang it up")
    add("--call-sid", metavar="SID", help="call in progress to use; with --yes, it is hung up")
    add("--to", metavar="NUMBER", help="number to call")
    add("--from", dest="from_", metavar="NUMBER", help="number of your Space to call from")
    add("--stream-url", metavar="URL", help="WebSocket that accepts the streams, wss://...")
    add("--report", type=Path, default=REPORT, metavar="FILE", help="file for the report (.build/smoke-report.md)")
    options = parser.parse_args(arguments)
    if options.yes and not options.stream_url:
        parser.error("--yes needs --stream-url")
    if options.yes and not options.call_sid and not (options.to and options.from_):
        parser.error("--yes needs --call-sid, or --to and --from")
    return options


if __name__ == "__main__":
    sys.exit(main())
