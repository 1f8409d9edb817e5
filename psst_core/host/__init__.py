"""The processor or GPU of a job, and how TensorFlow is set up for it."""
