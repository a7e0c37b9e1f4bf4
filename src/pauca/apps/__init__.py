"""Applications on top of the toolkit."""
