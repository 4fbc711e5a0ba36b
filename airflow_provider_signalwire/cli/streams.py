"""List and stop the streams of the journal. It is read from Airflow's database, as Airflow's own commands do."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.dagrun import DagRun
from airflow.utils import cli as cli_utils
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from airflow.utils.session import create_session
from sqlalchemy import or_, select

from airflow_provider_signalwire.batch.checkpoint import BatchCheckpoint
from airflow_provider_signalwire.batch.rows import spool_rows
from airflow_provider_signalwire.batch.runner import StreamBatch
from airflow_provider_signalwire.batch.summary import BatchSummary
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.journal import RunningStream, StreamJournal, StreamOwner
from airflow_provider_signalwire.operators.forgotten_streams import DELETED, ForgottenStream, RunStates

if TYPE_CHECKING:
    from argparse import Namespace

    from sqlalchemy.orm import Session

_SELECTORS = ("journal", "dag_id", "run_id", "call_sid")
_PAGE_SIZE = 1000
_MAX_CONCURRENCY = 128
_MAX_REQUESTS = 13_500
_PERIOD = 10.0


@cli_utils.action_cli  # type: ignore[untyped-decorator]  # Airflow's decorators have no types
@cli_utils.suppress_logs_and_warning
@providers_configuration_loaded
def list_streams(args: Namespace) -> None:
    """Print the running streams."""
    with create_session() as session:
        _print(_select(args, session), args, session)


@cli_utils.action_cli  # type: ignore[untyped-decorator]  # Airflow's decorators have no types
@providers_configuration_loaded
def stop_streams(args: Namespace) -> None:
    """Stop running streams, after asking."""
    if not any(getattr(args, name) for name in _SELECTORS):
        raise SystemExit("Select the streams to stop: --journal, --dag-id, --run-id or --call-sid.")
    # Airflow's own commands do the same, so that connections are read from the database, too.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        hook = SignalWireHook(args.conn_id, account_sid=args.account_sid)
        with create_session() as session:
            selected = _select(args, session)
            streams = [stream for stream in selected if stream.account_sid == hook.account_sid]
            _print(streams, args, session)
        if others := len(selected) - len(streams):
            print(f"{others} more streams belong to other projects: use --conn-id or --account-sid.")
        if args.dry_run or not streams:
            return
        if not args.yes and input(f"Stop these {len(streams)} streams? [y/N] ").strip().lower() not in ("y", "yes"):
            raise SystemExit("No stream was stopped.")
        _stop(hook, streams)
    except SignalWireError as error:
        raise SystemExit(str(error)) from None


def _select(args: Namespace, session: Session) -> list[RunningStream]:
    journal = _read_journal(session, args.journal, since=datetime.now(UTC) - timedelta(days=args.days))
    return [
        stream
        for stream in journal.running_streams()
        if args.dag_id in (None, stream.owner.dag_id)
        and args.run_id in (None, stream.owner.run_id)
        and args.call_sid in (None, stream.call_sid)
    ]


def _read_journal(session: Session, asset: str | None, *, since: datetime) -> StreamJournal:
    events = select(
        AssetEvent.extra,
        AssetEvent.source_dag_id,
        AssetEvent.source_run_id,
        AssetEvent.source_task_id,
        AssetEvent.source_map_index,
    ).where(AssetEvent.timestamp >= since)
    if asset is not None:
        events = events.join(AssetEvent.asset).where(or_(AssetModel.name == asset, AssetModel.uri == asset))
    journal = StreamJournal()
    for extra, *owner in session.execute(events.execution_options(yield_per=_PAGE_SIZE)):
        dag_id, run_id, task_id, map_index = owner
        journal.add(
            extra, StreamOwner(dag_id or "", run_id or "", task_id or "", -1 if map_index is None else map_index)
        )
    return journal


def _print(streams: list[RunningStream], args: Namespace, session: Session) -> None:
    def ask(dag_id: str, run_id: str) -> Any:
        query = select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        return session.scalar(query) or DELETED

    run_state = RunStates(ask)
    now = datetime.now(UTC)
    rows = [ForgottenStream(stream, now - stream.started_at, run_state(stream.owner)).as_dict() for stream in streams]
    AirflowConsole().print_as(data=rows, output=args.output)


def _stop(hook: SignalWireHook, streams: list[RunningStream]) -> None:
    with spool_rows({"call_sid": stream.call_sid, "stream_sid": stream.stream_sid} for stream in streams) as rows:
        summary = BatchSummary(rows.unique, {})
        StreamBatch(
            hook.settings,
            hook.account_sid,
            rows,
            summary=summary,
            checkpoint=BatchCheckpoint({}, ""),
            max_concurrency=_MAX_CONCURRENCY,
            max_requests=_MAX_REQUESTS,
            period=_PERIOD,
            ignore_if_missing=True,
        ).run()
    print(summary.progress())
    if summary.failures:
        raise SystemExit(f"These streams could not be stopped:\n{summary.failures_for_log()}")
