"""Weakly supervised semantic segmentation, small and runnable."""

__version__ = "0.1.0"
