"""Messages before, while and after a sweep runs."""
