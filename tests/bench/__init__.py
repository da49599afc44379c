"""Measures the release binaries: size, start time, memory, and calls."""
