"""CallStreamCleanupOperator refuses options without effect; what it finds and stops is tested in unit/batch."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.operators.stream_cleanup import CallStreamCleanupOperator

BY_NAME = {"task_id": "clean", "stream_names": ["media"], "min_call_age": 60}


@pytest.mark.parametrize(
    ("option", "needed"),
    [
        ({"max_stream_age": timedelta(days=1)}, "'journal'"),
        ({"max_stream_age": "{{ params.age }}"}, "'journal'"),
        ({"response_timeout": timedelta(hours=12)}, "on_limit='approve'"),
        ({"response_timeout": 60}, "on_limit='approve'"),
    ],
    ids=str,
)
def test_option_without_effect_is_refused(option, needed):
    with pytest.raises(SignalWireConfigurationError, match=f"'{next(iter(option))}' needs {needed}"):
        CallStreamCleanupOperator(**BY_NAME, **option)


def test_default_of_an_option_without_effect_is_accepted():
    CallStreamCleanupOperator(**BY_NAME, max_stream_age=timedelta(days=7), response_timeout=timedelta(days=1))
