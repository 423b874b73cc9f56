"""Random images."""

import numpy as np


def some_images(n, size=32, channels=3, seed=0):
    random = np.random.RandomState(seed)
    return random.randint(0, 256, (n, size, size, channels), dtype=np.uint8)
