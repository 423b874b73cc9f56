"""Searching a space of wirings: candidates are proposed in rounds and trained as a study."""
