"""Operators: what a task does."""
