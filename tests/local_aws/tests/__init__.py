"""Tests of the local AWS itself."""
