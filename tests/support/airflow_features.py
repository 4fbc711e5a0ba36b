"""Skips for what older versions of Airflow lack."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.journal_events import check_journal_supported


def skip_without_journal(*, module: bool = False) -> None:
    """Skip the test, or its whole module, on an Airflow that cannot read a journal; the reason names the version.

    :param module: Whether the module is being imported.
    """
    try:
        check_journal_supported()
    except SignalWireConfigurationError as error:
        pytest.skip(str(error), allow_module_level=module)
