"""The report: a study's records as figures and one self-contained page. Loads no torch."""
