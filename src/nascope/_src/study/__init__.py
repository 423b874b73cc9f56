"""Studies: cells and their variants, trained and probed under the same recipe, resumably."""
