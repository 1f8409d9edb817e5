"""Parts that several figures share: labels, panels, maps, curves, and the views of the browser."""
