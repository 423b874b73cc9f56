"""The paper's figures and tables, in its arrangement, from a study's records. Loads no torch.

One file a kind of figure; each yields what is drawn together with the data behind it.
"""
