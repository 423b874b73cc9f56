import os
import subprocess
import sys

import pytest

PRODUCTS = """
import hashlib, sys
before = sys.argv[1] == "before"
if before:
    import scipy.sparse.linalg
from nascope._src.runtime.devices import configure_process
configure_process(int(sys.argv[2]))
import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh
drawn = np.random.default_rng(0)
basis, vector = drawn.standard_normal((20, 200_000)), drawn.standard_normal(200_000)
scale = np.abs(drawn.standard_normal(20_000))
operator = LinearOperator((20_000,) * 2, matvec=lambda v: scale * v, dtype=float)
values, _ = eigsh(operator, 3, v0=np.ones(20_000), tol=1e-3)
for found in (basis @ vector, np.linalg.norm(vector), values):
    print(hashlib.sha256(np.asarray(found).tobytes()).hexdigest())
"""


def products(when, threads, **variables):
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    words = [sys.executable, "-c", PRODUCTS, when, str(threads)]
    ran = subprocess.run(words, env=kept | variables, capture_output=True, text=True, check=True)
    return ran.stdout


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_of_one_thread_has_the_bits_of_one_told_so_when_it_began(when):
    """As workers are; a process that numpy and scipy have been loaded in already is not."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    told = products("before", 1, **dict.fromkeys(names, "1"))
    assert products(when, 1) == told
