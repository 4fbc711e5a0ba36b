"""The differences between the supported Airflow versions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException, Stats

try:
    from airflow.sdk.log import mask_secret
except ImportError:  # Airflow 2; common-compat knows both places from 1.22 on
    from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]  # either one

try:
    from airflow.sdk.exceptions import AirflowTaskTimeout
except ImportError:  # before Airflow 3.1
    from airflow.exceptions import AirflowTaskTimeout  # type: ignore[no-redef]  # either one

__all__ = ["CLEARING_DISCARDS_STATE", "AirflowTaskTimeout", "Stats", "convert_trigger_timeout", "mask_secret"]

# From Airflow 3.4 on, the next try of a task that a user has cleared finds no state of earlier ones.
CLEARING_DISCARDS_STATE = tuple(map(int, airflow_version.split(".")[:2])) >= (3, 4)

# What Airflow resumes a task with when its trigger took too long.
_TRIGGER_TIMEOUT = "Trigger timeout"


@contextmanager
def convert_trigger_timeout(*, soft_fail: bool) -> Iterator[None]:
    """Raise a trigger's timeout as an AirflowSensorTimeout, and under soft_fail as a skip caused by one.

    Airflow 3.1 and newer do so themselves. Airflow 2 raises a TaskDeferralError and makes the skip from that; Airflow
    3.0 does not skip.

    :param soft_fail: The sensor's setting.
    """
    try:
        yield
    except AirflowSkipException as skip:
        if str(skip.__cause__) == _TRIGGER_TIMEOUT:
            raise skip from AirflowSensorTimeout(_TRIGGER_TIMEOUT)
        raise
    except Exception as error:
        if str(error) != _TRIGGER_TIMEOUT:
            raise
        timeout = AirflowSensorTimeout(_TRIGGER_TIMEOUT)
        if soft_fail:
            raise AirflowSkipException("Skipping due to soft_fail is set to True.") from timeout
        raise timeout from error
