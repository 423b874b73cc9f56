import doctest
import sys
from types import SimpleNamespace

from nascope._src.runtime import progress
from nascope._src.runtime.progress import job


def test_docstrings():
    assert doctest.testmod(progress).failed == 0


def test_a_notebook_has_one_line_that_goes_at_the_end(monkeypatch, capsys):
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(progress, "_NOTEBOOK_SECONDS", 0.0)
    with job(quiet=False) as report:
        report(0.25, "epoch 1/4, a long story")
        report(0.5, "epoch 2/4")
    lines = capsys.readouterr().err.split("\r")
    assert " 25% █████░░░" in lines[1]
    assert " 50% ██████████░░░" in lines[2]
    assert len(lines[2]) == len(lines[1])  # covers what was longer before
    assert "\n" not in "".join(lines)
    assert lines[-2].strip() == lines[-1] == ""


def test_quiet_work_says_nothing(capsys):
    with job(quiet=True) as report:
        report(0.5, "epoch 2/4")
    assert capsys.readouterr().err == ""
