"""A search over the wirings of a space, run as a study whose trials are the candidates.

`candidates` says which cells are tried next; `rounds` trains them.
"""
