"""Data-free neural architecture search: from a trained classifier alone to an architecture and its weights."""

__version__ = "0.1.0"
