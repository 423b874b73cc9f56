"""Search spaces of cells: counted, enumerated, sampled, and their census by width and depth."""
