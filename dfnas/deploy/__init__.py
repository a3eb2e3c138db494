"""A found network as a file of its own, to be used where nothing is known of how it was found: `load` gives it back."""

from dfnas.deploy.network import load

__all__ = ["load"]
