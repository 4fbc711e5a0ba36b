"""The command ``airflow signalwire``."""
