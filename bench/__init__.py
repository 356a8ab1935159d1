"""Benchmarks of the running server; ``python -m bench`` measures, ``bench/results.json`` keeps the last figures."""
