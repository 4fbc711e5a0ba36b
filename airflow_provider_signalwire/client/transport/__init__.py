"""Sending requests: requests for tasks, aiohttp for triggers and batches."""
