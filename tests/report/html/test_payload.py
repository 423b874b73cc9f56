"""The data of the page's script: safe in a page, and one figure per element."""

import json
import math

import pytest

from nascope._src.report.html.payload import as_script


@pytest.mark.parametrize("sign", ["</script>", "<!--", "&", "\u2028", "\u2029"])
def test_json_in_a_script_element_cannot_end_it(sign: str) -> None:
    text = as_script({"key": sign})
    assert sign not in text
    assert json.loads(text) == {"key": sign}


def test_json_refuses_what_json_cannot_hold() -> None:
    with pytest.raises(ValueError, match="JSON"):
        as_script(math.nan)
