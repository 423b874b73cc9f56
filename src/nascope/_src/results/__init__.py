"""Analysis: numbers from records, each a function with its formula. Loads no torch."""
