"""Whole numbers as options of a stage, as `argparse` takes them: what is none is told beside the option's name."""

import argparse

from dfnas.settings.base import LARGEST


def count(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number, 1 or more")
    return int(text)


def seed(text: str) -> int:
    """A whole number that every artifact can hold."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number") from None
    if abs(value) >= LARGEST:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of less than 64 bits")
    return value
