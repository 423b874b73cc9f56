"""Options are those of the settings classes: names, defaults, bounds and help."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest
import typer.main

from nascope._src.cli.derived import naming_options, with_settings
from nascope._src.cli.entry import make_app
from nascope._src.errors import SettingError, StudyError
from nascope._src.probes.settings import PROBES, LandscapeSettings
from nascope._src.schema import declarations
from nascope._src.study.study_file import _Curvature, _Landscape, _Variance
from nascope._src.training.recipe import Recipe

COMMAND = typer.main.get_command(make_app())
FLAGS = {"dimensions", "along", "through"}  # --line and --trajectory


def options(*words):
    command = COMMAND
    for word in words:
        command = command.commands[word]
    return {option.name: option for option in command.params}


@pytest.mark.parametrize("kind", PROBES)
def test_a_probe_has_an_option_and_a_key_for_each_setting(kind):
    shown = options("probe", kind)
    section = {"landscape": _Landscape, "variance": _Variance, "curvature": _Curvature}[kind]
    for name, declared in declarations(PROBES[kind]).items():
        if name != "through":
            assert name in section.model_fields
        if name in FLAGS:
            continue
        assert shown[name].help == declared.help
        if (kind, name) != ("landscape", "batchnorm"):  # recalibrated with --to
            assert shown[name].default == declared.default


def test_training_has_an_option_for_each_field_of_the_recipe():
    shown = options("train")
    for name, declared in declarations(Recipe).items():
        assert shown[name].help == declared.help
        assert shown[name].default is None  # recipe and scale say


@pytest.mark.parametrize("settings", [*PROBES.values(), Recipe])
def test_every_field_has_help_and_a_default(settings):
    for field in fields(settings):
        declared = declarations(settings)[field.name]
        assert declared.help.endswith(".")
        assert declared.default is not MISSING


def test_a_command_gets_the_values_of_its_options():
    @with_settings(LandscapeSettings, only={"points", "batchnorm"}, unset={"batchnorm"})
    def command(name: str, *, given: dict, other: int = 2) -> tuple:
        return name, given, other

    assert command(name="a", points=3, batchnorm=None, other=1) == ("a", {"points": 3}, 1)
    assert command(name="a", points=3, batchnorm="batch", other=1)[1] == {
        "points": 3, "batchnorm": "batch",
    }  # fmt: skip


def test_an_error_names_the_option():
    with (
        pytest.raises(StudyError, match=r"^--one-dimensional: expected that, got this$"),
        naming_options(),
    ):
        raise SettingError("landscape.one_dimensional", "expected that, got this")
