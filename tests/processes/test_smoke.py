"""The live smoke test against a simulator: without differences, with some, and interrupted."""

from __future__ import annotations

import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from simulated import READS, STOPS, http_status, running

from airflow_provider_signalwire.simulator.settings import DEFAULT_PROJECT

PROJECT_DIR = Path(__file__).parent.parent.parent
SCRIPT = PROJECT_DIR / "scripts" / "smoke.py"
PAGE = PROJECT_DIR / "docs" / "reference" / "live-service.md"
CONNECTION = "smoke_test"
TO, FROM, STREAM_URL = "+15557654321", "+15551112222", "wss://media.example.org/audio?key=sesame-open"
PLACE_CALL = ["--yes", "--to", TO, "--from", FROM, "--stream-url", STREAM_URL]
CALL = "smoke-call"
CALL_PATH = f"/Accounts/{DEFAULT_PROJECT}/Calls/{CALL}"
LISTS = {"method": "GET", "path": f"/Accounts/{DEFAULT_PROJECT}/Calls"}
START = {"method": "POST", "path": f"{CALL_PATH}/Streams"}
FREE_STEPS = ["list calls", "wrong token", "read an unknown call", "stop a stream of an unknown call"]


@pytest.fixture
def live(simulator, make_connection):
    """The simulator that stands in for SignalWire, with the settings of the command line."""
    simulator.reset(stop_delay_ms=500)
    make_connection(CONNECTION)
    return simulator


@pytest.fixture
def smoke(live, monkeypatch, tmp_path, capsys):
    """Run the script in this process; return its exit code and its report."""
    report = tmp_path / "report.md"

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["smoke.py", "--conn-id", CONNECTION, "--report", str(report), *arguments])
        with pytest.raises(SystemExit) as exit:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        if not isinstance(exit.value.code, int) or exit.value.code > 1:  # it has not begun
            raise exit.value
        output = capsys.readouterr()
        assert report.read_text() in output.out
        sys.stderr.write(output.err)
        return exit.value.code, report.read_text()

    return run


@pytest.fixture
def call_sid(live):
    return live.seed(calls=[{}, {"sid": CALL}])[1]["sid"]


def results(report):
    """Return the result of each step."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.splitlines() if line.startswith("|")]
    return {step: result for step, _, _, result in rows[2:]}


def different(report):
    return [step for step, result in results(report).items() if result == "DIFFERENT"]


def test_every_step_matches_a_simulator(live, smoke):
    code, report = smoke(*PLACE_CALL)

    assert (code, set(results(report).values())) == (0, {"match"})
    assert "20 of 20 steps match." in report
    assert [call["status"] for call in live.state.snapshot()["calls"]] == ["completed"]


def test_given_call_is_used_and_hung_up(live, smoke, call_sid):
    code, report = smoke("--yes", "--call-sid", call_sid, "--stream-url", STREAM_URL)

    assert (code, set(results(report).values())) == (0, {"match"})
    assert {call["sid"]: call["status"] for call in live.state.snapshot()["calls"]}[call_sid] == "completed"
    assert "create a call" not in report


@pytest.mark.parametrize("with_call", [False, True])
def test_without_yes_no_request_costs_money(live, smoke, call_sid, with_call):
    code, report = smoke(*(["--call-sid", call_sid] if with_call else []))

    assert code == 0
    run = [step for step, result in results(report).items() if result != "not run"]
    assert run == FREE_STEPS + ["read the call"] * with_call
    writes = [(request["path"], request["status"]) for request in live.requests() if request["method"] != "GET"]
    unknown = "00000000-0000-4000-8000-000000000000"
    path = f"/api/laml/2010-04-01/Accounts/{live.project}/Calls/{unknown}/Streams/{unknown}"
    assert writes == [(path, 404)]
    assert {call["status"] for call in live.state.snapshot()["calls"]} == {"in-progress"}


@pytest.mark.parametrize("arguments", [["--yes"], PLACE_CALL[:3] + PLACE_CALL[5:], PLACE_CALL[:5]])
def test_yes_with_missing_options_sends_nothing(live, smoke, arguments):
    with pytest.raises(SystemExit, match="2"):
        smoke(*arguments)

    assert live.requests() == []


def test_missing_connection_is_reported(smoke, monkeypatch):
    monkeypatch.delenv(f"AIRFLOW_CONN_{CONNECTION.upper()}")

    with pytest.raises(SystemExit, match=rf"(?s)'{CONNECTION}' is not defined.*AIRFLOW_CONN_"):
        smoke()


def fault(kind, match, skip=0, **more):
    return {"kind": kind, "match": match, "skip": skip, **more}


@pytest.mark.parametrize(
    ("step", "difference", "fault"),
    [
        ("list calls", "key 'calls[].to' is missing", fault("json", LISTS, body={"calls": [{"sid": "x"}]})),
        ("wrong token", "content type is text/html, in the simulator application/json", fault("html", LISTS, 1)),
        (
            "read an unknown call",
            "header 'retry-after' is additional",
            fault("status", READS, status=404, headers={"Retry-After": "5"}),
        ),
        (
            "stop a stream of an unknown call",
            "type of 'code' is string, in the simulator integer",
            fault("status", STOPS, status=404, body={"code": "20404", "message": "", "more_info": "", "status": 404}),
        ),
        ("start with an invalid URL", "'code' is 10000, in the simulator 31922", fault("status", START, status=422)),
        (
            "start a stream",
            "type of 'name' is null, in the simulator string",
            fault("patch", START, 1, set={"name": None}),
        ),
        ("stop an unknown stream", "no response (lost)", fault("reset", STOPS, 1)),
        (
            "stop by SID",
            "'status' is in-progress, in the simulator queued",
            fault("patch", STOPS, 3, set={"status": "in-progress"}),
        ),
        ("repeat the stop", "HTTP status is 404, in the simulator 200", fault("status", STOPS, 4, status=404)),
        ("stop by name", "key 'reason' is additional", fault("patch", STOPS, 6, set={"reason": ""})),
        ("stop after the call's end", "HTTP status is 200, in the simulator 422", fault("empty", STOPS, 7)),
        (
            "start after the call's end",
            "key 'errors[]' is additional",
            fault("json", START, 5, status=422, body={"errors": ["The call has ended."]}),
        ),
    ],
)
def test_difference_is_reported_in_its_row_only(live, smoke, call_sid, step, difference, fault):
    live.set_faults([fault])

    code, report = smoke("--yes", "--call-sid", call_sid, "--stream-url", STREAM_URL)

    assert [entry["fired"] for entry in live.faults()] == [1]
    assert (code, different(report)) == (1, [step])
    assert difference in report.partition(f"## {step.capitalize()}\n\n")[2].partition("\n\n")[0]


def test_difference_of_every_response_is_reported_once(live, smoke):
    live.reset(rate_limit="13800/10")

    code, report = smoke()

    assert (code, different(report)) == (1, [])
    assert "## Every response\n\n- header 'x-ratelimit-limit' is additional\n" in report


def test_report_contains_no_identifying_data(live, smoke, call_sid):
    private = [live.token, TO, call_sid, "5a1c0f6e-9d34-4b7a-8f21-c0ffee000002", live.project, "127.0.0.1", STREAM_URL]
    body = {"status": live.token, "code": live.project, **{f"x{text}y": {text: None} for text in private}}
    headers = {f"X-Limit-{live.token}": call_sid, "X-15557654321": TO}
    live.set_faults([{"kind": "status", "status": 200, "match": LISTS, "body": body, "headers": headers}])

    code, report = smoke("--yes", "--call-sid", call_sid, "--stream-url", STREAM_URL, "--to", TO)

    assert (code, different(report)) == (1, ["list calls"])
    assert "(withheld)" in report
    sids = [stream["sid"] for stream in live.state.snapshot()["streams"]]
    digits = TO.removeprefix("+")
    for text in [*private, digits, *sids, live.url, str(live.port), "sesame", "smoke-test-", "smoke-call", CONNECTION]:
        assert text.lower() not in report.lower()


def test_failed_step_ends_the_test(live, smoke):
    live.set_faults([http_status(400, times=1, match={"method": "POST", "path_contains": "/Calls"}, skip=1)])

    code, report = smoke(*PLACE_CALL)

    assert code == 1
    assert "4 of 5 steps match; not run: no call was created." in report
    assert live.state.snapshot()["calls"] == []


def test_interrupted_test_stops_its_streams_and_hangs_up(live):
    live.set_faults([{"kind": "hang", "match": {"method": "POST", "path_contains": "/smoke-test-"}}])
    process = subprocess.Popen(
        [sys.executable, SCRIPT, "--conn-id", CONNECTION, *PLACE_CALL],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    while process.poll() is None and not live.faults()[0]["fired"]:
        time.sleep(0.05)
    assert len(running(live)) == 1
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)

    assert process.returncode != 0
    assert "may still be running" not in output
    assert running(live) == []
    assert [call["status"] for call in live.state.snapshot()["calls"]] == ["completed"]


def test_stream_that_could_not_be_stopped_is_reported(live, smoke, call_sid, capsys):
    outage = {"kind": "reset", "times": None, "match": {"path_contains": "/Calls/smoke-call"}, "skip": 3}
    live.set_faults([outage])

    code, report = smoke("--yes", "--call-sid", call_sid, "--stream-url", STREAM_URL)

    assert code == 1
    assert "These may still be running: the stream of the step 'start a stream'" in capsys.readouterr().err
    assert "not run: the call has not ended." in report


def test_each_unknown_of_the_page_names_a_step(smoke):
    _, report = smoke()
    unknowns = PAGE.read_text().partition("## What is not known")[2]
    rows = [line.split("|") for line in unknowns.splitlines() if line.startswith("|")]
    named = [re.findall("`(.+?)`", row[-2]) for row in rows[2:]]

    assert all(named)
    assert set(results(report)) >= {step for steps in named for step in steps}
