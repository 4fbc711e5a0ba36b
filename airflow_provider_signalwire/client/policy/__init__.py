"""Retries, rate limits and observers."""
