"""Triggers: what a deferred task waits with."""
