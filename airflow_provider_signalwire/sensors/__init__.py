"""Sensors: what a task waits for."""
