"""SignalWire without Airflow: requests, answers, retries and two transports."""
