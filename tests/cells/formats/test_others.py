"""What is not a cell is named for what it is."""

import pytest

from tests.cells.formats.refusals import assert_refused

NORMAL = "[('sep_conv_3x3', 0), ('skip_connect', 1)]"
MACRO = [[0], [1, 0], [2, 1, 1], [3, 0, 0, 1], [4, 0, 0, 0, 1], [5, 1, 1, 1, 1, 1], [0] * 7]
FLAT = " ".join(str(number) for row in MACRO for number in row)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Genotype(recurrent=[('relu', 0), ('tanh', 1)], concat=range(1, 9))", "an RNN cell"),
        ("Genotype([('relu', 0), ('tanh', 1)], range(1, 9))", "an RNN cell"),
        ("0 1 1 0 1 1 2", "may be an ENAS arc of an RNN cell"),
        ("\n".join(str(row).replace(",", "") for row in MACRO), "macro arc of 7 layers"),
        (str(MACRO), "macro arc of 7 layers"),
        (FLAT, "macro arc of 7 layers"),
        ("[[0, 0, 1], [1, 0, 0], [0, 1, 0]]", "a one-hot choice of an operation for each edge"),
        ("0 0 1 1 0 0 0 1 0", "a one-hot choice"),
        ("[[0.1, 0.9], [0.7, 0.3]]", "architecture weights"),
        (f"Genotype(normal={NORMAL}, normal_concat=range(2, 3))", "a normal cell only: add reduce"),
        (f"{{'reduce': {NORMAL}, 'reduce_concat': [2]}}", "a reduction cell only: add normal"),
        (f"normal = {NORMAL}\nnormal_concat = [2]\n", "a normal cell only: add reduce"),
        (NORMAL, "the edges of one cell only"),
        ("1 2 3 4 5 6 7 8 9 10", "a list of 10 numbers, which no format has"),
    ],
)
def test_it_is_named(text, said):
    assert_refused(text, said)


def test_a_long_macro_arc_is_no_micro_arc():
    """15 layers have 120 numbers, a multiple of 8."""
    rows = [[layer % 5] + [layer % 2] * layer for layer in range(15)]
    assert_refused(" ".join(str(n) for row in rows for n in row), "macro arc of 15 layers")
