"""List and stop the streams of the journal. It is read from Airflow's database, as Airflow's own commands do."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole
from airflow.models.dagrun import DagRun
from airflow.utils import cli as cli_utils
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from airflow.utils.session import create_session
from sqlalchemy import or_, select

from airflow_provider_signalwire.batch.checkpoint import BatchCheckpoint
from airflow_provider_signalwire.batch.rows import spool_rows
from airflow_provider_signalwire.batch.runner import StreamBatch
from airflow_provider_signalwire.batch.summary import BatchSummary
from airflow_provider_signalwire.client.protocol.stream_parents import STREAM_PARENTS
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.journal import RunningStream, StreamJournal, to_extra
from airflow_provider_signalwire.journal_events import MAX_ENTRIES, add_asset_event
from airflow_provider_signalwire.operators.forgotten_streams import DELETED, ForgottenStream, RunStates

try:
    from airflow.models.asset import AssetEvent, AssetModel
except ImportError:  # before Airflow 3.0; Airflow 3.2 is the first that knows commands of providers
    raise ImportError("'airflow signalwire' needs Airflow 3.2 or newer, which has commands of providers.") from None

if TYPE_CHECKING:
    from argparse import Namespace

    from sqlalchemy.orm import Session

_IDS = ("dag_id", "run_id", *STREAM_PARENTS)
_PAGE_SIZE = 1000


@cli_utils.action_cli  # type: ignore[untyped-decorator]  # Airflow's decorators have no types
@cli_utils.suppress_logs_and_warning
@providers_configuration_loaded
def list_streams(args: Namespace) -> None:
    """Print the running streams."""
    with create_session() as session:
        _print(_select(args, session)[0], args, session)


@cli_utils.action_cli  # type: ignore[untyped-decorator]  # Airflow's decorators have no types
@providers_configuration_loaded
def stop_streams(args: Namespace) -> None:
    """Stop running streams, after asking."""
    if not any(getattr(args, name) for name in ("journal", *_IDS)):
        raise SystemExit("Select the streams to stop: --journal, --dag-id, --run-id, --call-sid or --conference-sid.")
    # Airflow's own commands do the same, so that connections are read from the database, too.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        hook = SignalWireHook(args.conn_id, account_sid=args.account_sid)
        with create_session() as session:
            selected, asset_ids = _select(args, session)
            streams = [stream for stream in selected if stream.account_sid == hook.account_sid]
            _print(streams, args, session)
        if others := len(selected) - len(streams):
            print(f"{others} more streams belong to other projects: use --conn-id or --account-sid.")
        if args.dry_run or not streams:
            return
        if not args.yes:
            _ask(f"Stop these {len(streams)} streams? [y/N] ")
        _stop(hook, streams, asset_ids)
    except SignalWireError as error:
        raise SystemExit(str(error)) from None


def _ask(question: str) -> None:
    try:
        response = input(question)
    except EOFError:
        raise SystemExit(
            "\nNo stream was stopped: nobody could be asked. Add --yes to stop them all the same."
        ) from None
    if response.strip().lower() not in ("y", "yes"):
        raise SystemExit("No stream was stopped.")


def _select(args: Namespace, session: Session) -> tuple[list[RunningStream], set[int]]:
    """Return the selected streams and the ids of the journal's assets."""
    journal, asset_ids = _read_journal(session, args.journal, since=datetime.now(UTC) - timedelta(days=args.days))
    wanted = {name: value for name in _IDS if (value := getattr(args, name)) is not None}

    def ids_of(stream: RunningStream) -> dict[str, str]:
        owner = stream.owner
        return {"dag_id": owner.dag_id, "run_id": owner.run_id, stream.parent.id_name: stream.parent_sid}

    return [stream for stream in journal.running_streams() if wanted.items() <= ids_of(stream).items()], asset_ids


def _read_journal(session: Session, asset: str | None, *, since: datetime) -> tuple[StreamJournal, set[int]]:
    events = select(
        AssetEvent.asset_id,
        AssetEvent.extra,
        AssetEvent.source_dag_id,
        AssetEvent.source_run_id,
        AssetEvent.source_task_id,
        AssetEvent.source_map_index,
    ).where(AssetEvent.timestamp >= since)
    if asset is not None:
        events = events.join(AssetEvent.asset).where(or_(AssetModel.name == asset, AssetModel.uri == asset))
    journal, asset_ids = StreamJournal(), set()
    for event in session.execute(events.execution_options(yield_per=_PAGE_SIZE)):
        if add_asset_event(journal, event):
            asset_ids.add(event.asset_id)
    return journal, asset_ids


def _print(streams: list[RunningStream], args: Namespace, session: Session) -> None:
    def ask(dag_id: str, run_id: str) -> Any:
        query = select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        return session.scalar(query) or DELETED

    run_state = RunStates(ask)
    now = datetime.now(UTC)
    rows = [ForgottenStream(stream, now - stream.started_at, run_state(stream.owner)).as_dict() for stream in streams]
    columns = dict.fromkeys((stream.parent.id_name for stream in streams), "")
    rows = [{**columns, **row} for row in rows]
    AirflowConsole().print_as(data=rows, output=args.output)


def _stop(hook: SignalWireHook, streams: list[RunningStream], asset_ids: set[int]) -> None:
    with spool_rows(
        {stream.parent.id_name: stream.parent_sid, "stream_sid": stream.stream_sid} for stream in streams
    ) as rows:
        summary = BatchSummary(rows.unique, {}, journal_account=hook.account_sid)
        StreamBatch(
            settings=hook.settings,
            account_sid=hook.account_sid,
            rows=rows,
            summary=summary,
            checkpoint=BatchCheckpoint({}, ""),
        ).run()
    print(summary.progress())
    with create_session() as session:
        for first in range(0, len(summary.ends), MAX_ENTRIES):
            extra = to_extra(summary.ends[first : first + MAX_ENTRIES])
            session.add_all(AssetEvent(asset_id=asset_id, extra=extra) for asset_id in asset_ids)
    if summary.failures:
        raise SystemExit(f"These streams could not be stopped:\n{summary.failures_for_log()}")
