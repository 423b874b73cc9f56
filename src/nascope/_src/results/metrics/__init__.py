"""Numbers of one trial: what its curves and grids say. Arrays and records in, numbers out."""
