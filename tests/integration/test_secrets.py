"""After runs of every kind, no secret is in Airflow's database, its log files or its output."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from airflow.models.trigger import Trigger
from airflow.utils.session import create_session

from airflow_provider_signalwire.simulator.server import SimulatorServer
from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

TOKEN = "PT-that-nobody-may-read-8c1f"
BOT_TOKEN = "bearer-that-nobody-may-read-77aa"
URL_KEY = "url-key-that-nobody-may-read-51d0"


def files_of_airflow():
    """Everything that Airflow has written, the database's write-ahead log included."""
    return [path for path in Path(os.environ["AIRFLOW_HOME"]).rglob("*") if path.is_file()]


def test_no_secret_is_left_behind(run_dag, make_connection, monkeypatch, airflow_database, caplog, capfd):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("AIRFLOW_CONN_MY_BOT", json.dumps({"conn_type": "http", "password": BOT_TOKEN}))
    monkeypatch.setenv("ADDRESS_KEY", URL_KEY)
    with SimulatorServer(token=TOKEN, stop_delay_ms=150) as server:
        make_connection(host=server.url, password=TOKEN, extra={"max_attempts": 1})
        [call] = server.seed()
        encoded = base64.b64encode(f"{server.project}:{TOKEN}".encode()).decode()

        states = [run_dag("start", call_sid=call["sid"]).state]
        stream = {"call_sid": call["sid"], "stream_sid": "start.start"}
        states += [run_dag(dag_id, **stream).state for dag_id in ("stop_sync", "stop_deferred", "stream_sensor_poke")]
        states += [run_dag(f"stream_sensor_{mode}", **stream).state for mode in ("reschedule", "deferrable")]
        # Even if SignalWire repeats what it was sent in confidence.
        quoting = {"message": f"{TOKEN} {encoded} {BOT_TOKEN} {URL_KEY}"}
        server.set_faults([{"times": None, "kind": "status", "status": 422, "body": quoting}])
        states += [run_dag("start", call_sid=call["sid"]).state]
        quoting = {"message": f"{TOKEN} {encoded}"}
        server.set_faults([{"times": None, "kind": "status", "status": 422, "body": quoting}])
        states += [run_dag("stop_deferred", **stream).state]
        assert states == ["success"] * 6 + ["failed"] * 2

    secrets = [secret.encode() for secret in (TOKEN, encoded, BOT_TOKEN, URL_KEY)]
    # The search would find something that is there: the SIDs are in the rendered fields.
    contents = {path: path.read_bytes() for path in files_of_airflow()}
    assert any(call["sid"].encode() in content for content in contents.values())
    assert airflow_database in contents
    assert [str(path) for path, content in contents.items() if any(secret in content for secret in secrets)] == []
    output = "".join([caplog.text, *capfd.readouterr()]).encode()
    assert call["sid"].encode() in output
    assert [secret for secret in secrets if secret in output] == []


def test_a_triggers_row_holds_no_secret(connection, simulator, airflow_database):
    trigger = CallStreamStoppedTrigger(
        call_sid="call",
        stream_sid="stream",
        account_sid=None,
        signalwire_conn_id=connection,
        poll_interval=5,
        deadline=1_800_000_000.0,
        last_status="queued",
    )
    with create_session() as session:
        row = Trigger.from_object(trigger)
        session.add(row)
        session.flush()
        row_id = row.id

    with closing(sqlite3.connect(airflow_database)) as database:
        [(classpath, kwargs)] = database.execute("SELECT classpath, kwargs FROM trigger WHERE id = ?", (row_id,))
    assert classpath.endswith(".CallStreamStoppedTrigger")
    assert Trigger._decrypt_kwargs(kwargs) == trigger.serialize()[1]
    assert simulator.token not in kwargs
