"""Airflow connection fields become client settings."""
