"""What Airflow's logs and pages show of a string, on any version of Airflow."""

from __future__ import annotations

try:
    from airflow.sdk.log import redact
except ImportError:
    try:
        from airflow.sdk.execution_time.secrets_masker import redact  # Airflow 3.0
    except ImportError:
        from airflow.utils.log.secrets_masker import redact  # Airflow 2

__all__ = ["redact"]
