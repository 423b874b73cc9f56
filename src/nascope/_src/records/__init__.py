"""Records: what a study leaves on disk, as plain files. Loads no torch."""
