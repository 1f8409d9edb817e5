"""The command psst: its checks and exports, and the browser."""
