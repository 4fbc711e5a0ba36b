"""An in-memory SignalWire: calls, their streams and recordings, served over real HTTP for tests and demos.

Start it with ``python -m airflow_provider_signalwire.simulator``, or inside a test with
:class:`airflow_provider_signalwire.simulator.server.SimulatorServer`.
"""
