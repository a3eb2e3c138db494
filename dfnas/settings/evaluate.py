"""Settings of what is measured on finished networks."""

from dfnas.settings.base import Count, Settings


class EvaluateSettings(Settings):
    """Section `evaluate`: accuracy on the test split."""

    batch_size: Count = 256
    """Images per forward pass."""


class MeasureLatencySettings(Settings):
    """Section `measure_latency`: time of a forward pass on this machine."""

    batch_size: Count = 1
    """Images per forward pass."""
    repeats: Count = 30
    """Timed passes of each network, taken in turn so that drift of the machine hits all alike."""
