import pytest
import torch

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.training.recipe import Recipe
from tests.cases import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 1e-3), ("tf32", 0.02), ("bf16", 0.1)]
)
def test_a_gpu_trains_as_a_cpu_does(tmp_path, precision, tolerance):
    data = load_data("digits", train_size=400, test_size=100)
    recipe = Recipe(channels=4, layers=3, epochs=1, batch_size=50)
    cpu = train(load_cell("DARTS"), data, recipe, seed=0, path=tmp_path / "cpu.safetensors")
    changed = Recipe(channels=4, layers=3, epochs=1, batch_size=50, precision=precision)
    gpu = train(load_cell("DARTS"), data, changed, seed=0, path=tmp_path / "gpu.safetensors",
                device="cuda")  # fmt: skip
    one, two = (run.records["epochs"][0]["train_loss"] for run in (cpu, gpu))
    assert two == pytest.approx(one, rel=tolerance)
    assert gpu.records["provenance"]["device"].startswith("cuda")
