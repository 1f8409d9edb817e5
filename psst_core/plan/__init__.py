"""Which job makes which run, and what it will cost; no TensorFlow."""
