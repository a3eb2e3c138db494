"""A bounded number of things out of many."""


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0 … count - 1, the first and the last among them, as evenly spaced as can be."""
    if count <= most:
        return list(range(count))
    if most == 1:
        return [0]
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]
