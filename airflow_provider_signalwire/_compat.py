"""What the supported Airflow versions differ in, and nothing else."""

from __future__ import annotations

try:
    from airflow.sdk.log import mask_secret
except ImportError:  # Airflow 2; common-compat knows both places from 1.22 on
    from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]

__all__ = ["mask_secret"]
