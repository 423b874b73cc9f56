"""The study file to start from is a study, with and without its comments, and names real commands."""

import re
from importlib import resources

import pytest

from nascope._src.errors import StudyError
from nascope._src.study.study_file import read_study_file
from nascope._src.study.template import write_template
from tests.docs.test_commands import COMMAND, parse

TEMPLATE = resources.files("nascope._src.study") / "template.toml"


def test_the_template_itself_is_a_study():
    with resources.as_file(TEMPLATE) as path:
        study = read_study_file(path)
    assert study.name == "study"
    assert [probe.kind for probe in study.parts[0].probes] == ["landscape", "variance"]


def test_its_commands_exist():
    text = TEMPLATE.read_text(encoding="utf-8")
    shown = re.findall(r"^#   nascope (.*?)(?:  .*)?$", text, re.MULTILINE)
    assert len(shown) == 3
    for line in shown:
        parse(line.split())
    named = re.findall(r"\(nascope ([a-z]+)", text)
    assert named
    assert set(named) <= set(COMMAND.commands)


def test_the_template_is_a_study(tmp_path):
    path = tmp_path / 'my "own" study.toml'
    write_template(path)
    study = read_study_file(path)
    assert study.name == "my_own_study"
    assert len(study.plan(study.load_data()).trials) == 12
    uncommented = re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", path.read_text())
    path.write_text(uncommented.replace("[[part]]", "").split("# Each part")[0])
    kinds = [probe.kind for probe in read_study_file(path).parts[0].probes]
    assert kinds == ["landscape"] * 2 + ["variance"] * 4 + ["curvature"]
    with pytest.raises(StudyError, match="exists already"):
        write_template(path)
    with pytest.raises(StudyError, match="cannot write"):
        write_template(path / "below.toml")
