"""The report: a study's records as figures and one self-contained page. Loads no torch."""

from nascope._src.report.write import write_report

__all__ = ["write_report"]
