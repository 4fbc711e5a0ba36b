"""The commands that this provider adds to ``airflow``. Every start of ``airflow`` imports this, so it is light."""

from __future__ import annotations

from argparse import ArgumentTypeError

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ARG_YES,
    ActionCommand,
    Arg,
    GroupCommand,
    lazy_load_command,
)

_MAX_DAYS = 3660


def _number_of_days(text: str) -> float:
    days = float(text)
    if not 0 <= days <= _MAX_DAYS:
        raise ArgumentTypeError(f"{text} is not from 0 to {_MAX_DAYS}")
    return days


_SELECTION = (
    Arg(("--journal",), help="Only the journal asset of this name or URI. Default: all.", metavar="ASSET"),
    Arg(("--dag-id",), help="Only streams that this DAG started."),
    Arg(("--run-id",), help="Only streams that this DAG run started."),
    Arg(("--call-sid",), help="Only streams of this call."),
    Arg(("--conference-sid",), help="Only streams of this conference."),
    Arg(("--days",), help="Only starts of this many days. Default: 7.", type=_number_of_days, default=7.0),
)
_CONNECTION = (
    Arg(("--conn-id",), help="The SignalWire connection.", default="signalwire_default"),
    Arg(("--account-sid",), help="Project ID of a subproject. Default: the connection's Project ID."),
)
_DRY_RUN = Arg(("--dry-run",), help="Only list the streams that would be stopped.", action="store_true")


def get_signalwire_commands() -> list[GroupCommand]:
    """Return the group ``signalwire``."""
    streams = (
        ActionCommand(
            name="list",
            help="List the streams that your DAGs started and that are running according to the journal",
            func=lazy_load_command("airflow_provider_signalwire.cli.streams.list_streams"),
            args=(*_SELECTION, ARG_OUTPUT, ARG_VERBOSE),
        ),
        ActionCommand(
            name="stop",
            help="Stop streams that are running according to the journal, also those of running DAG runs",
            func=lazy_load_command("airflow_provider_signalwire.cli.streams.stop_streams"),
            args=(*_SELECTION, *_CONNECTION, _DRY_RUN, ARG_YES, ARG_OUTPUT, ARG_VERBOSE),
        ),
    )
    return [
        GroupCommand(
            name="signalwire",
            help="Media streams of SignalWire calls and conferences",
            subcommands=(GroupCommand(name="streams", help="Streams that your DAGs started", subcommands=streams),),
        )
    ]
