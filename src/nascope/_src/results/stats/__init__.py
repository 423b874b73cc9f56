"""Statistics: exact tests, contrasts, correlations and intervals. Arrays in, numbers out."""
