"""Data sets held in memory, and batch augmentation on the device."""

from nascope._src.data.datasets import DataSet, ImageSet, load_data

__all__ = ["DataSet", "ImageSet", "load_data"]
