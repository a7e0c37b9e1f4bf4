"""Files <-> pixel arrays, and reversible pixel transforms."""
