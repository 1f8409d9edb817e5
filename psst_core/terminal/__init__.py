"""What is said before, while and after a sweep runs."""
