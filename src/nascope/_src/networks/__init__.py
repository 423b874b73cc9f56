"""Networks made of cells, under DARTS' scheme for CIFAR and its published parameter names."""

MAX_CHANNELS = 10_000  # of the first cells; the widest published network has some 200
MAX_LAYERS = 1_000
