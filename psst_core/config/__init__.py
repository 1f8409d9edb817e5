"""Configurations: composed, completed and checked; no TensorFlow."""
