"""Surrogates: models that predict the accuracy of a cell after an epoch of training."""
