"""Accuracies that a surrogate predicts: their agreement with measured ones, and what they show."""
