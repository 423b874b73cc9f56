"""The report as one self-contained HTML page: templates, their data, and the assembly."""
