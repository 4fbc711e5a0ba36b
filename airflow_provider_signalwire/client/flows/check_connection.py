"""Check whether a connection works, and if not, why."""

from __future__ import annotations

from airflow_provider_signalwire.client.policy.steps import Flow, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireError,
    SignalWireNotFoundError,
)


def check_connection(account_sid: str, origin: str) -> Flow[tuple[bool, str]]:
    """Return whether the connection works, and a sentence for the user.

    Calls are listed first: like everything this provider does, that needs the scope Voice. A project's name needs the
    scope Management, which the token of a working connection may lack.
    """
    first = endpoints.list_calls(account_sid, page_size=1)
    try:
        yield from send(first)
    except SignalWireAuthenticationError as error:
        return False, f"{origin} refused the login: {str(error).removeprefix(f'Could not {first.log_description}: ')}"
    except SignalWireNotFoundError:
        return False, f"There is no SignalWire Space at {origin}. Check the connection's Space."
    except SignalWireError as error:
        return False, str(error)
    try:
        account = (yield from send(endpoints.get_account(account_sid))).record
    except SignalWireError:
        return True, (
            f"Connected to {origin}; the token may use calls. The project's name is not shown: reading it needs the "
            "scope Management, which this provider does not need otherwise."
        )
    return True, f"Connected to {origin}, project {account.get('friendly_name', account_sid)!r}."
