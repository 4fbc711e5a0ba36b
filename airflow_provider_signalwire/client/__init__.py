"""The SignalWire client, which does not depend on Airflow."""
