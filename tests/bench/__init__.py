"""Measures the release binaries: size, start, memory."""
