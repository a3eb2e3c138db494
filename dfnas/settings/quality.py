"""Settings of what judges the synthetic images."""

from dfnas.settings.base import Count, Settings


class AssessImagesSettings(Settings):
    """Section `assess_images`: each generation judged without original images."""

    batch_size: Count = 256
    """Images per forward pass. The figures do not depend on it."""
    columns: Count = 10
    """Images of a class in a generation's picture."""
    rows: Count = 32
    """Classes in it; where there are more, evenly chosen ones."""
