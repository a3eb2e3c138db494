"""Search spaces: what the networks to choose from are. See `space.Space` for the interface."""
