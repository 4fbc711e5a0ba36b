"""Benchmarks of this provider and of other clients. Run by ``make bench``."""
