"""What a teacher's agreement means: the share of images in which it sees the class that they were made for."""


def nearer_to_chance(agreement: float, classes: int) -> bool:
    """Whether a share of images is nearer to what guessing among K classes would give than to all of them."""
    return agreement < (1 + 1 / classes) / 2
