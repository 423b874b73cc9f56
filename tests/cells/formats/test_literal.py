"""Text to plain values: hostile text is refused, and nothing is evaluated."""

import pytest

from nascope._src.cells.formats.reading import parse
from nascope._src.errors import GenotypeError
from tests.cells.formats.refusals import assert_refused

PAIRS = "('skip_connect', 0), ('skip_connect', 1)"


def test_reading_never_opens_or_runs_anything(tmp_path):
    marker = tmp_path / "ran"
    for body in (
        f"__import__('pathlib').Path({str(marker)!r}).touch()",
        f"[open({str(marker)!r}, 'w') for _ in [1]]",
        f"Genotype(normal=(lambda: open({str(marker)!r}, 'w'))(), normal_concat=[], reduce=[],"
        " reduce_concat=[])",
    ):
        with pytest.raises(GenotypeError):
            parse(body)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty text"),
        ("hello world", "line 1"),
        ("[", "was never closed"),
        ("(" * 200, "nested too deeply"),
        ("a\0b", "binary"),
        ("x" * 200_001, "too long"),
        ("Genotype(1, 2, 3, 4, 5)", "takes 4 arguments"),
        ("Genotype(**{})", "has no name"),
        ("Genotype(normal=open('x'))", "not Call"),
        (f"Genotype([{PAIRS}], [2], [{PAIRS}], reduce_concat=range(2, 1000000000))", "range of"),
        (f"Genotype([{PAIRS}], [2], [{PAIRS}], reduce_concat=range(1, 2, 0))", "step of 0"),
        (f"Genotype([('skip_connect', 0, 10**9)], [2], [{PAIRS}], [2])", "not BinOp"),
        (f"Genotype({'9' * 5000}, [2], [{PAIRS}], [2])", "not a genotype"),
    ],
)
def test_refused_in_one_line(text, said):
    assert_refused(text, said)
