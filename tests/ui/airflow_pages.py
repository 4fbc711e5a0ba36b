"""Page objects for Airflow's UI."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Locator, Page, expect

SCREENSHOTS = Path(__file__).resolve().parent.parent.parent / ".build" / "ui-screenshots"
RUN_MS = 120_000  # timeout for a DAG run


class ConnectionsPage:
    """Admin, Connections."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = f"{url}/connections"

    def open(self) -> None:
        self.page.goto(self._url)
        expect(self.page.get_by_role("button", name="Add Connection")).to_be_visible()

    def open_new_form(self, conn_id: str) -> ConnectionForm:
        self.open()
        self.page.get_by_role("button", name="Add Connection").click()
        self.page.get_by_role("textbox", name="Connection ID", exact=True).fill(conn_id)
        conn_type = self.page.get_by_role("combobox", name="Connection Type")
        conn_type.click()
        conn_type.fill("SignalW")
        self.page.get_by_role("option", name="SignalWire").click()
        return ConnectionForm(self.page)

    def add(self, conn_id: str, fields: dict[str, str]) -> None:
        form = self.open_new_form(conn_id)
        form.fill(fields)
        form.save()
        expect(self.row(conn_id)).to_be_visible()

    def row(self, conn_id: str) -> Locator:
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("cell", name=conn_id, exact=True))

    def edit(self, conn_id: str) -> ConnectionForm:
        self.open()
        self.row(conn_id).get_by_role("button", name="Edit Connection").click()
        return ConnectionForm(self.page)

    def test(self, conn_id: str) -> tuple[str, str]:
        """Click Test, and return the title and the text of the notification."""
        self.open()
        with self.page.expect_response("**/connections/test"):
            self.row(conn_id).get_by_role("button", name="Test Connection").click()
        # The tooltip would cover the row.
        self.page.mouse.move(0, 0)
        toast = self.page.get_by_role("status").filter(has_text="Test Connection")
        expect(toast).to_be_visible()
        title, _, text = toast.inner_text().partition("\n")
        return title.strip(), " ".join(text.split())


class ConnectionForm:
    """The form of a new or saved connection. Only one of its sections is open at a time."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialog = page.get_by_role("dialog")
        expect(self.standard("Project ID")).to_be_visible()

    def standard(self, label: str) -> Locator:
        return self.dialog.get_by_label(label, exact=True)

    def fill(self, fields: dict[str, str]) -> None:
        for label, value in fields.items():
            self.standard(label).fill(value)

    def open_extras(self) -> None:
        section = self.dialog.get_by_role("button", name="Extra Fields", exact=True)
        expect(section.or_(self.extra("proxy")).first).to_be_visible()
        if section.count():  # Airflow 3.4 shows the fields without a section to open
            section.click()
        expect(self.extra("proxy")).to_be_visible()

    def extra(self, name: str) -> Locator:
        return self.dialog.locator(f'[name="element_{name}"]')

    def number(self, label: str) -> Locator:
        return self.dialog.get_by_role("spinbutton", name=label, exact=True)

    def save(self) -> None:
        self.dialog.get_by_role("button", name="Save").click()
        expect(self.dialog).to_be_hidden()


class DagPage:
    """A DAG, its runs and its XCom values."""

    def __init__(self, page: Page, url: str, dag_id: str) -> None:
        self.page = page
        self._url = f"{url}/dags/{dag_id}"

    def open_trigger_form(self, params: dict[str, str]) -> Locator:
        self.page.goto(self._url)
        self.page.get_by_role("button", name="Trigger Dag").click()
        dialog = self.page.get_by_role("dialog")
        for name, value in params.items():
            dialog.locator(f'[name="element_{name}"]').fill(value)
        return dialog

    def trigger(self, params: dict[str, str]) -> None:
        self.open_trigger_form(params).get_by_role("button", name="Trigger").click()
        self.page.wait_for_url("**/runs/**")

    def wait_for_run(self, **tasks: int) -> None:
        """Wait on the page of a run until it has succeeded, with this number of tasks in each state."""
        for state, count in {**tasks, "Success": tasks["Success"] + 1}.items():
            expect(self.page.get_by_text(state, exact=True)).to_have_count(count, timeout=RUN_MS)

    def wait_for_approval_request(self, log: Path) -> None:
        """Wait on the page of a run until a task waits for a person.

        Airflow's scheduler fails the task if the response arrives before it knows that the task's process has exited.

        :param log: Airflow's log.
        """
        expect(self.page.get_by_text("Awaiting Input", exact=True)).to_be_visible(timeout=RUN_MS)
        run_id = unquote(urlsplit(self.page.url).path).split("/runs/")[1].split("/")[0]
        finished = re.compile(rf"TaskInstance Finished: .*run_id={re.escape(run_id)}, .*state=awaiting_input")
        deadline = time.monotonic() + RUN_MS / 1000
        while not finished.search(log.read_text()):
            assert time.monotonic() < deadline, f"timed out waiting for the scheduler to release the task; see {log}"
            self.page.wait_for_timeout(100)

    def open_task_of_new_run(self, task_id: str) -> None:
        """Wait for a task of the new run to succeed, and open it."""
        self.page.wait_for_url("**/runs/**")
        row = self.page.get_by_role("row").filter(has_text=task_id)
        expect(row.get_by_text("Success", exact=True)).to_be_visible(timeout=RUN_MS)
        row.get_by_role("link", name=task_id, exact=True).click()

    def open_xcom(self) -> Locator:
        """Return the table of the task's XCom values, expanded."""
        storage, xcom = (self.page.get_by_role("link", name=name, exact=True) for name in ("Storage", "XCom"))
        expect(storage.or_(xcom).first).to_be_visible()
        if storage.count():  # Airflow 3.4 has no tab Storage
            storage.click()
        xcom.click()
        self.page.get_by_role("button", name="Expand all extra JSON").click()
        return self.page.get_by_role("table")


class RequiredActionsPage:
    """Browse, Required Actions."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = f"{url}/required_actions"

    def open(self, subject: str) -> Locator:
        """Open a request by its subject, and return the table in it."""
        self.page.goto(self._url)
        row = self.page.get_by_role("row").filter(has_text="Approval Required")
        row.get_by_role("link", name=subject, exact=True).click()
        return self.page.get_by_role("table").filter(has=self.page.get_by_role("columnheader", name="Started by"))

    def respond(self, option: str) -> None:
        self.page.get_by_role("button", name=option, exact=True).click()
        expect(self.page.get_by_text("Response received at")).to_be_visible()


def screenshot(page: Page, name: str) -> None:
    """Save a screenshot, without animations."""
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def full_content(page: Page) -> str:
    """Return the page's markup, its text and the values of its fields."""
    fields: list[Any] = page.eval_on_selector_all("input, textarea", "fields => fields.map(field => field.value)")
    return "\n".join([page.content(), page.locator("body").inner_text(), *map(str, fields)])
