"""Where a report goes, and what writing it loads."""

import subprocess
import sys
from pathlib import Path

import pytest

from nascope._src.errors import StudyError
from nascope._src.report.write import write_report
from tests.report.synthetic import STUDIES, write_study


def test_the_report_may_go_elsewhere(tmp_path: Path) -> None:
    write_study(tmp_path / "study", STUDIES["single"]())
    page = write_report(tmp_path / "study", output=tmp_path / "new" / "x.html", figures=False)
    assert page == tmp_path / "new" / "x.html"
    assert page.is_file()
    assert not (tmp_path / "study" / "report.html").exists()
    assert [path.name for path in page.parent.iterdir()] == ["x.html"]  # nothing aside is left


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study"):
        write_report(tmp_path)
    write_study(tmp_path, STUDIES["single"]())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match="cannot write"):
        write_report(tmp_path, output=tmp_path / "file" / "page.html", figures=False)


@pytest.mark.parametrize("figures", [False, True])
def test_no_torch_is_loaded(figures: bool, tmp_path: Path) -> None:
    write_study(tmp_path, STUDIES["single"]())
    script = (
        "import sys; from pathlib import Path; from nascope._src.report.write import write_report;"
        f"write_report(Path({str(tmp_path)!r}), figures={figures});"
        "heavy = {'torch', 'plotly', 'pandas', 'matplotlib.pyplot'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
