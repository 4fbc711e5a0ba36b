"""What the supported Airflow versions differ in, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException, Stats

try:
    from airflow.sdk.log import mask_secret
except ImportError:  # Airflow 2; common-compat knows both places from 1.22 on
    from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]

__all__ = ["Stats", "mask_secret", "trigger_timeout_is_sensor_timeout"]

# What Airflow resumes a task with when it has waited too long for its trigger.
_TRIGGER_TIMEOUT = "Trigger timeout"


@contextmanager
def trigger_timeout_is_sensor_timeout(*, soft_fail: bool) -> Iterator[None]:
    """Make of a trigger's timeout an AirflowSensorTimeout, and under soft_fail a skip that comes of one.

    Airflow 3.1 and newer do so by themselves. Airflow 2 raises a TaskDeferralError, and makes the skip of that;
    Airflow 3.0 does not skip.

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
