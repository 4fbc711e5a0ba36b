"""``airflow signalwire streams``, through Airflow's own parser and on its database."""

from __future__ import annotations

import builtins
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from airflow.cli import cli_parser
from airflow_features import skip_without_journal
from simulated import running

from airflow_provider_signalwire.cli.definition import get_signalwire_commands
from airflow_provider_signalwire.simulator.server import SimulatorServer

skip_without_journal(module=True)

pytestmark = pytest.mark.usefixtures("connection", "database")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run ``airflow signalwire streams`` with these arguments; return its output."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        words = ["signalwire", "streams", *arguments]
        monkeypatch.setattr("sys.argv", ["airflow", *words])
        monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")
        args = cli_parser.get_parser().parse_args(words)
        args.func(args)
        return capsys.readouterr().out

    return run


@pytest.fixture
def listed(command: Callable[..., str]) -> Callable[..., list[dict[str, Any]]]:
    def run(*arguments: str) -> list[dict[str, Any]]:
        output = command("list", "--output", "json", *arguments)
        return json.loads(output)

    return run


def refuse_to_ask(question: str) -> str:
    raise AssertionError(question)


def test_every_option_is_described():
    [signalwire] = get_signalwire_commands()
    [streams] = signalwire.subcommands
    assert all(option.kwargs["help"] for command in streams.subcommands for option in command.args)


def test_list_shows_stream_age_and_owner(start_by_dag, start, listed):
    [recent], _ = start_by_dag()
    assert [stream["stream_sid"] for stream in listed()] == [recent]
    [sid], run_id = start(state="failed", hours=2)
    stream, _ = listed()
    assert (stream["stream_sid"], stream["run_id"], stream["run_state"]) == (sid, run_id, "failed")
    assert int(stream["age_seconds"]) >= 7200


def test_selection(simulator, start, listed):
    [first], run_id = start()
    [second], _ = start(state="running")
    call = next(stream["call_sid"] for stream in simulator.state.snapshot()["streams"] if stream["sid"] == second)
    sids = lambda *arguments: {stream["stream_sid"] for stream in listed(*arguments)}  # noqa: E731 - short
    assert sids() == sids("--dag-id", "journal_start") == sids("--journal", "streams") == {first, second}
    assert sids("--run-id", run_id) == {first}
    assert sids("--call-sid", call) == {second}
    assert sids("--dag-id", "other") == sids("--journal", "other") == sids("--days", "0") == set()


def test_stream_of_a_conference_is_listed_and_stopped(simulator, start, run_dag, listed, command):
    [conference] = simulator.seed_conferences()
    run_dag("journal_start_conference", conference_sid=conference["sid"])
    [of_call], _ = start()
    [stream] = listed("--conference-sid", conference["sid"])
    assert (stream["conference_sid"], stream["name"]) == (conference["sid"], "bot")
    assert {(row["call_sid"] == "", row["conference_sid"] == "") for row in listed()} == {(True, False), (False, True)}
    command("stop", "--conference-sid", conference["sid"], "--yes")
    assert running(simulator) == [of_call]
    assert listed("--conference-sid", conference["sid"]) == []


def test_stop_asks_and_stops_what_was_selected(
    simulator: SimulatorServer, start, command, listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run_id = start(2)
    [other], _ = start()
    questions = []
    monkeypatch.setattr(builtins, "input", lambda question: questions.append(question) or "y")
    output = command("stop", "--run-id", run_id)
    assert questions == ["Stop these 2 streams? [y/N] "]
    assert "2 of 2 streams done" in output
    assert running(simulator) == [other]
    assert [stream["stream_sid"] for stream in listed()] == [other]


@pytest.mark.parametrize("answer", ["", "n", "no", "yes please"])
def test_stop_sends_nothing_unless_the_answer_is_yes(simulator, start, command, monkeypatch, answer):
    start()
    monkeypatch.setattr(builtins, "input", lambda question: answer)
    with pytest.raises(SystemExit, match="No stream was stopped"):
        command("stop", "--dag-id", "journal_start")
    assert len(running(simulator)) == 1


def test_stop_without_a_terminal_needs_yes(simulator, start, command, monkeypatch):
    start()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SystemExit, match=r"No stream was stopped: .* Add --yes"):
        command("stop", "--dag-id", "journal_start")
    assert len(running(simulator)) == 1


@pytest.mark.parametrize("days", ["-1", "nan", "1e9", "week"])
def test_invalid_number_of_days_is_refused(command, capsys, days):
    with pytest.raises(SystemExit):
        command("list", "--days", days)
    assert re.search("argument --days: .*(is not from 0 to 3660|invalid .* value: 'week')", capsys.readouterr().err)


def test_dry_run_only_lists(simulator, start, command, monkeypatch):
    [sid], _ = start()
    monkeypatch.setattr(builtins, "input", refuse_to_ask)
    assert sid in command("stop", "--dag-id", "journal_start", "--dry-run", "--output", "plain")
    assert simulator.requests("/Streams/") == []


def test_yes_does_not_ask(simulator, start, command, monkeypatch):
    start()
    monkeypatch.setattr(builtins, "input", refuse_to_ask)
    command("stop", "--dag-id", "journal_start", "--yes")
    assert running(simulator) == []


def test_stop_without_selection_is_refused(simulator, start, command):
    start()
    with pytest.raises(SystemExit, match="--journal, --dag-id, --run-id, --call-sid or --conference-sid"):
        command("stop", "--yes")
    assert simulator.requests("/Streams/") == []


@pytest.mark.parametrize("project", [("--conn-id", "other"), ("--account-sid", "another-project")])
def test_streams_of_other_projects_are_left_alone(simulator, start, command, make_connection, project):
    start()
    make_connection("other", login="another-project")
    output = command("stop", "--dag-id", "journal_start", *project, "--yes")
    assert "1 more streams belong to other projects" in output
    assert simulator.requests("/Streams/") == []


def test_failed_stop_ends_with_an_error(simulator, start, command, make_connection):
    start()
    make_connection(extra={"max_attempts": 1})
    simulator.set_faults([{"match": {"method": "POST"}, "kind": "status", "status": 503, "times": None}])
    with pytest.raises(SystemExit, match=r"These streams could not be stopped:\n.*503"):
        command("stop", "--dag-id", "journal_start", "--yes")


def test_unknown_connection_ends_with_one_line(start, command):
    start()
    with pytest.raises(SystemExit, match="'nowhere' is not defined"):
        command("stop", "--dag-id", "journal_start", "--conn-id", "nowhere", "--yes")
