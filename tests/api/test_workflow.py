"""The whole of a notebook's work, from `import nascope` alone."""

import nascope


def test_from_a_cell_to_a_report(tmp_path):
    trained = nascope.train(
        "DARTS", "digits", epochs=1, channels=2, layers=3, batch_size=256, progress=False
    )
    assert trained.network.num_parameters > 0
    assert len(trained.curve) > 1
    assert trained.evaluate().loss > 0
    trained = nascope.load(trained.save(str(tmp_path / "darts.safetensors")))

    surface = nascope.landscape(trained, points=3, progress=False)
    surface.plot().savefig(tmp_path / "surface.png")
    assert surface.smoothness().non_finite_share == 0
    assert nascope.load(surface.save(str(tmp_path / "surface.npz")))["loss"].shape == (3, 3)

    spread = nascope.gradient_variance(trained, points=2, instances=20, progress=False)
    spread.plot().savefig(tmp_path / "spread.png")
    curvature = nascope.curvature(
        trained, instances=20, top=1, vectors=3, steps=3, block_steps=2, points=0, progress=False
    )
    curvature.plot().savefig(tmp_path / "curvature.png")
    assert curvature.trace.low < curvature.trace.mean < curvature.trace.high

    study = nascope.Study(
        "SNAS",
        name="demo",
        data={"name": "digits", "train_size": 60, "test_size": 20},
        training={"scale": "tiny", "overrides": {"epochs": 1, "channels": 2, "layers": 3}},
        variance={"points": 2, "instances": 10},
    )
    nascope.run_study(study, str(tmp_path / "demo"), workers=1, progress=False)
    results = nascope.read_study(str(tmp_path / "demo"))
    assert len(results.trials()) == len(results.probes()) == 1
    assert results.report(figures=False) == tmp_path / "demo" / "report.html"
    shown = [trained, surface, spread, curvature, study, results, trained.network, surface.settings]
    assert all(len(repr(value)) < 2000 for value in shown)
