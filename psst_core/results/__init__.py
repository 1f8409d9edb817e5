"""Summaries of chunks, the cube of a sweep, and an opened sweep."""
