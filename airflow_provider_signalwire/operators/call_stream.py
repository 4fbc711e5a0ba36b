"""Stop, start and run a media stream of a call."""

from __future__ import annotations

from airflow_provider_signalwire.operators.call_stream_block import call_stream
from airflow_provider_signalwire.operators.run_call_stream import RunCallStreamOperator
from airflow_provider_signalwire.operators.start_call_stream import StartCallStreamOperator
from airflow_provider_signalwire.operators.stop_call_stream import StopCallStreamOperator

__all__ = ["RunCallStreamOperator", "StartCallStreamOperator", "StopCallStreamOperator", "call_stream"]
