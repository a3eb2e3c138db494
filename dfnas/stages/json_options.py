"""Options of a stage that are a section of the configuration, written as JSON."""

import argparse
import json
from typing import Any

from dfnas.runtime.errors import InputError


def section(text: str) -> dict[str, Any]:
    """The section that a text means, as `argparse` takes it: what is none is told beside the option's name."""
    try:
        return parsed(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parsed(text: str, option: str = "") -> dict[str, Any]:
    """The section that a text means.

    Args:
        option: it is the value of, for the complaint.

    Raises:
        InputError: it is no JSON, or no object.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{option} is not JSON: {error}".lstrip()) from error
    if not isinstance(values, dict):
        raise InputError(f"{option} is {type(values).__name__} in JSON; expected an object, {{...}}".lstrip())
    return values
