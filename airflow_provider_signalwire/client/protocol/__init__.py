"""Requests, responses and records of SignalWire's API, without I/O."""
