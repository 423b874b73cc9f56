"""nascope theory check, sweep and report: what they print and write, and what they refuse."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from nascope._src.records.files import read_json, write_json
from tests.cli.running import assert_refused, nascope


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the results of all three, the last of a network trained on digits."""
    place = tmp_path_factory.mktemp("theory")
    results = [
        nascope("theory", "check", "--cases", 1, "-q", "-o", place),
        nascope("theory", "sweep", "--cells", 2, "-q", "-o", place),
        nascope(
            "train", "SNAS", "-q", "--scale", "tiny", "--epochs", 1,
            "--channels", 2, "--output", place / "SNAS.safetensors",
        ),
        nascope(
            "theory", "report", place / "SNAS.safetensors", "-q", "-o", place,
            "--images", 2, "--instances", 10,
        ),
    ]  # fmt: skip
    for result in results:
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
    return place, [result.stdout for result in results]


def test_check(folder):
    place, (text, *_) = folder
    found = json.loads((place / "check.json").read_text())
    assert found["holds"]
    assert found["provenance"]["nascope"]
    assert "4 > 2, as worked out: Theorem 4.2 as published" in text
    assert "all as claimed" in text
    assert re.search(r"curvature convex +\d[\d,]* blocks, 0 violated", text)


def test_sweep(folder):
    place, (_, text, *_) = folder
    found = json.loads((place / "sweep.json").read_text())
    assert {len(outcome["smoother"]) for outcome in found["outcomes"]} >= {2, 4, 8}
    assert "coupled quadratic      orthogonal constant λ =" in text
    for name in ("regimes", "blocks", "bounds", "sizes"):
        assert (place / f"theory-{name}.png").read_bytes().startswith(b"\x89PNG")


def test_report(folder):
    place, (*_, text) = folder
    (network,) = json.loads((place / "networks.json").read_text())["networks"]
    assert network["label"] == "SNAS"
    assert list(network["moments"]) == ["initialisation", "end"]
    for own in network["moments"].values():
        for weight in own["weights"]:
            assert 0 < weight["gain"] <= weight["norm"] <= weight["upper"] * (1 + 1e-9)
        assert {len(edge["norms"]) for edge in own["edges"]} == {2}
    for rate in network["rates"]:
        assert rate["product"] == pytest.approx(rate["rate"] * rate["lipschitz"])
        assert rate["held"] == (rate["product"] < 1)
    assert "γ < 1/L" in text
    page = (place / "theory.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 5
    assert "violated, as worked out" in page
    asked = re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*""", page)
    assert asked == []  # the page needs no network


def test_what_is_measured_is_kept(folder):
    place, _ = folder
    path = place / "networks.json"
    found = read_json(path)
    found["networks"][0]["accuracy"] = 0.125  # sealed again, so it counts as measured
    write_json(path, found)
    words = ("theory", "report", place / "SNAS.safetensors", "-q", "-o", place, "--instances", 10)
    again = nascope(*words, "--images", 2)
    assert again.returncode == 0, again.stderr
    assert json.loads(path.read_text())["networks"][0]["accuracy"] == 0.125
    assert not list(place.glob(".chunks/*"))
    path.write_text(path.read_text().replace("0.125", "0.126"))  # edited: measured again
    again = nascope(*words, "--images", 1)
    assert again.returncode == 0, again.stderr
    (network,) = json.loads(path.read_text())["networks"]
    assert network["accuracy"] not in {0.125, 0.126}
    assert len(network["moments"]["end"]["edges"][0]["norms"]) == 1


def test_report_needs_something(folder, tmp_path):
    assert_refused(nascope("theory", "report", "-o", tmp_path), "holds nothing to report")
    assert_refused(nascope("theory", "report", tmp_path, "-o", tmp_path), "holds no study")
    assert_refused(
        nascope("theory", "report", tmp_path / "x.safetensors", "-o", tmp_path),
        "no such checkpoint",
    )
    place, _ = folder
    (tmp_path / "check.json").write_text((place / "check.json").read_text()[:-20])
    assert_refused(nascope("theory", "report", "-o", tmp_path), "check.json")
    (tmp_path / "check.json").write_text('{"bounds": []}')
    assert_refused(
        nascope("theory", "report", "-o", tmp_path), "check.json is damaged or of another"
    )
    (tmp_path / "file").write_text("")
    assert_refused(
        nascope("theory", "check", "--cases", 1, "-q", "-o", tmp_path / "file"), "cannot write"
    )


def test_a_violation_is_exit_code_one(folder, tmp_path, monkeypatch, capsys):
    import typer  # noqa: PLC0415

    from nascope._src.cli.theory import check  # noqa: PLC0415
    from nascope._src.theory import check_all  # noqa: PLC0415
    from nascope._src.theory.check_result import read_check  # noqa: PLC0415

    true = read_check(json.loads((folder[0] / "check.json").read_text()))
    violated = replace(true, bounds=(replace(true.bounds[0], violations=1),))
    monkeypatch.setattr(check_all, "check_theorems", lambda **_: violated)
    with pytest.raises(typer.Exit) as leaving:
        check(output=tmp_path, quiet=True)
    assert leaving.value.exit_code == 1
    assert "NOT ALL AS CLAIMED" in capsys.readouterr().out
