"""Axes, constraints and points: which runs there are, and their ids; no TensorFlow."""
