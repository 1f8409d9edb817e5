"""The command psst: what it looks at and exports, and the browser."""
