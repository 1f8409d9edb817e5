"""Simulate jobs: one process or several workers, and their saved states."""
