"""Whether a connection works, and if not, what is wrong with it."""

from __future__ import annotations

from airflow_provider_signalwire.client.flows.stop import Flow
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import AccountRecord
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireError,
    SignalWireNotFoundError,
)


def check_connection(account_sid: str, origin: str) -> Flow[tuple[bool, str]]:
    """Return whether the connection works, and a sentence for the user.

    Calls are listed first, for that takes the scope Voice, as all this provider does. A project's name takes the
    scope Management, which the token of a working connection need not have.
    """
    try:
        yield endpoints.list_calls(account_sid, page_size=1)
    except SignalWireAuthenticationError as error:
        return False, f"{origin} refused the login. {error}"
    except SignalWireNotFoundError:
        return False, f"There is no SignalWire Space at {origin}. Check the connection's Space (host)."
    except SignalWireError as error:
        return False, str(error)
    try:
        account: AccountRecord = yield endpoints.get_account(account_sid)
    except SignalWireError:
        return True, (
            f"Connected to {origin}; the token may use calls. The project's name is not shown: reading it takes "
            "the scope Management, which this provider does not need."
        )
    return True, f"Connected to {origin}, project {account.get('friendly_name', account_sid)!r}."
