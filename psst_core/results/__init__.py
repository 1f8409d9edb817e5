"""From chunks to measures, the cube and an opened sweep."""
