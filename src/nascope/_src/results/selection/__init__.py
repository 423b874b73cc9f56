"""What a search that stops early picks, and what it loses by it."""
