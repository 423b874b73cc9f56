"""Data sets in memory, and batch augmentation on the device."""
