"""Stopping many streams in one task."""
