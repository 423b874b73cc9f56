"""Decisions about the paper's claims, as data. The words for them are in `results.text`."""
