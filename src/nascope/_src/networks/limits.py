"""Limits on the size of a network. This module does not load torch."""

MAX_CHANNELS = 10_000  # in the first cells; the widest published network has some 200
MAX_LAYERS = 1_000
MAX_CLASSES = 1_000_000
MIN_IMAGE_SIZE = 8  # px; two reductions leave 2×2
AUXILIARY_IMAGE_SIZE = 32  # px; the tower pools a map of at least 8×8, left by two reductions
