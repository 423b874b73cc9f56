"""Data sets held in memory, and batch augmentation on the device."""
