"""After runs of DAGs with every kind of task, Airflow's database, files and output contain no secret in any form."""

from __future__ import annotations

import base64
import json
import logging
import os
import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import airflow_artifacts
import dag_runs_with_secrets
import pytest
from airflow.models.connection import Connection
from airflow.models.trigger import Trigger
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from dag_runs_with_secrets import Runs
from secret_search import search

from airflow_provider_signalwire.client.flows import wait
from airflow_provider_signalwire.simulator.server import SimulatorServer
from airflow_provider_signalwire.triggers.call import CallStatusTrigger
from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

DATABASE_FILE = "file airflow.db"
RENDERED = "table rendered_task_instance_fields"
LIBRARIES = ("urllib3", "requests", "aiohttp", "tenacity", "asyncio", "airflow_provider_signalwire")


@pytest.fixture
def runs(airflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """The runs to make; their connections and Variables are stored in Airflow's database."""
    with SimulatorServer(token=dag_runs_with_secrets.TOKEN, answer_delay_ms=0, stop_delay_ms=0) as server:
        runs = Runs(server)
        extra = {
            "proxy": runs.proxy(),
            "api_secret": dag_runs_with_secrets.UNKNOWN_EXTRA,
            "max_attempts": 2,
            "max_retry_seconds": 5,
        }
        stored = [
            Connection(
                conn_id="signalwire_default",
                conn_type="signalwire",
                host=server.url,
                login=server.project,
                password=dag_runs_with_secrets.TOKEN,
                extra=json.dumps(extra),
            ),
            Connection(
                conn_id="my_bot",
                conn_type="generic",
                host="wss://media.example.com/audio",
                password=dag_runs_with_secrets.BOT_TOKEN,
            ),
            Variable("bot_word", dag_runs_with_secrets.BOT_WORD),
            Variable("address_key", dag_runs_with_secrets.ADDRESS_KEY),
        ]
        # The triggers that dag.test() runs do not reach the database.
        monkeypatch.setenv("AIRFLOW_CONN_SIGNALWIRE_DEFAULT", stored[0].as_json())
        with create_session() as session:
            session.add_all(stored)
        yield runs
        with create_session() as session:
            for item in stored:
                session.delete(item)


@pytest.fixture
def short_pauses(monkeypatch):
    """Poll a hundred times as often."""
    for name in ("_FIRST_JITTER", "_JITTER"):
        monkeypatch.setattr(wait, name, (0.01, 0.01))


@pytest.fixture
def everything_is_logged(caplog):
    for name in (None, *LIBRARIES):
        caplog.set_level(logging.DEBUG, name)


@pytest.fixture
def database(airflow_database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(airflow_database)) as database:
        yield database


@pytest.mark.usefixtures("intent_entries", "short_pauses", "everything_is_logged")
def test_runs_leave_no_secret(run_dag, dag_bags, runs, database, caplog, capfd, monkeypatch):
    runs.plan(dag_ids=dag_bags)

    results = []
    for dag_id, params, _ in runs.planned:
        results.append((dag_id, params, run_dag(dag_id, **params).state))
        # The event loops of later runs log more. That of Airflow's API exists by now: it would take much CPU time.
        monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")

    assert results == runs.planned
    assert kinds_of_tasks(dag_bags[dag_id] for dag_id, _, _ in runs.planned) == kinds_of_tasks(dag_bags.values())
    artifacts = [
        *airflow_artifacts_in(database),
        *(("output", text.encode()) for text in (caplog.text, *capfd.readouterr())),
    ]
    assert search(artifacts, runs.secrets()) == set()

    # The search does find text: request parameters, text of DAG files, and log lines of libraries.
    assert places(artifacts, runs.call_sid("start")) >= {
        "output",
        DATABASE_FILE,
        "table dag_run",
        "table xcom",
        RENDERED,
    }
    assert places(artifacts, "wss://media.example.com/stream") >= {"table serialized_dag", "table dag_code", RENDERED}
    assert "asyncio" in {record.name.partition(".")[0] for record in caplog.records}
    size, found_in = sum(len(content) for _, content in artifacts), {place for place, _ in artifacts}
    print(f"Searched {size:,} bytes in {len(found_in)} places.")


@pytest.mark.parametrize("secret", dag_runs_with_secrets.SECRETS.values())
def test_search_finds_every_form_of_a_secret(secret):
    chance = random.Random(secret)
    forms = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr({"key": secret})]
    forms += [json.dumps({"key": secret}), json.dumps(json.dumps({"key": secret}))]
    login = f"5a1c0f6e-9d34-4b7a-8f21-c0ffee000001:{secret}"
    for around in (secret, login, quote(secret, safe=""), quote_plus(secret)):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms += [encode(chance.randbytes(before) + around.encode() + b"}") for before in range(6)]

    for form in forms:
        content = form if isinstance(form, bytes) else form.encode()
        assert search([("place", b"before " + content + b" after")], {"secret": secret}), content
    assert not search([("place", b"".join(chance.randbytes(65536) for _ in range(16)))], {"secret": secret})


def test_search_finds_a_secret_planted_anywhere(run_dag, simulator, connection, database, tmp_path):
    """It looks in every column of every table, and in files."""
    [call] = simulator.seed(streams=[{"name": "media"}])
    assert run_dag("stop_sync", call_sid=call["sid"], stream_sid="media").state == "success"
    database.execute("PRAGMA ignore_check_constraints = ON")
    planted_in = 0
    for table in airflow_artifacts.tables(database):
        if row_ids := database.execute(f'SELECT rowid FROM "{table}"').fetchone():
            columns = database.execute(f'PRAGMA table_info("{table}")').fetchall()
            planted = {name: f"planted/in {name}" for _, name, kind, *_ in columns if kind != "INTEGER"}
            values = [base64.b64encode(text.encode()).decode() for text in planted.values()]
            settings = ", ".join(f'"{name}" = ?' for name in planted)
            database.execute(f'UPDATE "{table}" SET {settings} WHERE rowid = ?', [*values, *row_ids])
            found = search(airflow_artifacts.rows(database, table), planted)
            database.rollback()
            assert found == {(f"table {table}", name) for name in planted}
            planted_in += len(planted)
    assert planted_in > 100

    log = tmp_path / "dag_id=start" / "attempt=1.log"
    log.parent.mkdir()
    log.write_text(json.dumps({"event": json.dumps({"token": dag_runs_with_secrets.TOKEN})}))
    assert search(airflow_artifacts.files(tmp_path), dag_runs_with_secrets.SECRETS) == {
        ("file dag_id=start/attempt=1.log", "API token")
    }


TRIGGER = {"call_sid": "call", "account_sid": None, "poll_interval": 5, "deadline": 1_800_000_000.0}


@pytest.mark.parametrize(
    ("trigger_class", "arguments"),
    [
        (CallStreamStoppedTrigger, {"stream_sid": "stream", "last_status": "queued"}),
        (CallStatusTrigger, {"target_statuses": ["completed"], "last_status": "in-progress"}),
    ],
)
def test_trigger_row_contains_no_secret(runs, database, trigger_class, arguments):
    trigger = trigger_class(**TRIGGER, **arguments, signalwire_conn_id="signalwire_default")
    with create_session() as session:
        row = Trigger.from_object(trigger)
        session.add(row)
        session.flush()
        row_id = row.id

    [(classpath, kwargs)] = database.execute("SELECT classpath, kwargs FROM trigger WHERE id = ?", (row_id,))
    decrypted = Trigger._decrypt_kwargs(kwargs)
    assert classpath.endswith(f".{trigger_class.__name__}")
    assert decrypted == trigger.serialize()[1]
    shown = [("row", kwargs.encode()), ("arguments", json.dumps(decrypted).encode())]
    assert search(shown, runs.secrets()) == set()
    assert search(shown, {"connection": "signalwire_default"}) == {("arguments", "connection")}


def kinds_of_tasks(dags: Iterable[tuple[Path, Any]]) -> set[tuple[str, Any, Any]]:
    """Return the operators and sensors of this package that the DAGs have, and how each waits."""
    kinds = set()
    for task in (task for _, dag in dags for task in dag.tasks):
        options = getattr(task, "partial_kwargs", vars(task))
        operator = getattr(task, "operator_class", type(task))
        if operator.__module__.startswith("airflow_provider_signalwire"):
            kinds.add((operator.__name__, options.get("mode"), options.get("deferrable", False)))
    return kinds


def airflow_artifacts_in(database: sqlite3.Connection) -> Iterator[airflow_artifacts.Artifact]:
    yield from airflow_artifacts.files(Path(os.environ["AIRFLOW_HOME"]))
    for table in airflow_artifacts.tables(database):
        yield from airflow_artifacts.rows(database, table)


def places(artifacts: list[airflow_artifacts.Artifact], text: str) -> set[str]:
    return {place for place, _ in search(artifacts, {"text": text})}
