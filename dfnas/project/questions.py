"""What cannot be read off a checkpoint, and so has to be said: by options, or as answers on a terminal."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dfnas.runtime.errors import InputError
from dfnas.settings.base import as_size

NORMALISATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "mnist": ((0.1307,), (0.3081,)),
    "half": ((0.5,), (0.5,)),
    "none": ((0.0,), (1.0,)),
    "bytes": ((0.0,), (1 / 255,)),
}
"""Mean and deviation of pixels in [0, 1] that trainings usually take, by the names of the data whose figures they are:
`half` maps to -1 … 1, `none` leaves pixels as they are, `bytes` gives 0 … 255."""
OF_ANY_CHANNELS = ("half", "none", "bytes")
"""Those that are the same for every channel."""


def suits(name: str, channels: int) -> bool:
    """Whether a usual normalisation is of so many channels."""
    return name in OF_ANY_CHANNELS or len(NORMALISATIONS[name][0]) == channels


def normalisation(name: str, channels: int) -> dict[str, list[float]]:
    """Mean and deviation by a usual name, one of each a channel. Raises InputError where they are of other channels."""
    mean, std = NORMALISATIONS[name]
    if not suits(name, channels):
        raise InputError(f"--normalisation {name} is of {len(mean)} channels, and the network takes {channels}")
    return {"mean": list(mean) * (channels // len(mean)), "std": list(std) * (channels // len(std))}


class Question(NamedTuple):
    """Something that only the user knows."""

    flag: str
    """The option that answers it."""
    text: str
    """What is asked on a terminal."""
    expected: str
    """How an answer looks."""
    read: Callable[[str], Any]
    """What an answer means. Raises InputError or ValueError where it means nothing."""


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.replace(",", " ").split()]


def _normalisation(text: str) -> Any:
    return text.strip() if text.strip() in NORMALISATIONS else _pair(_numbers(text))


def _pair(numbers: Sequence[float]) -> dict[str, list[float]]:
    half = len(numbers) // 2
    if not half or len(numbers) % 2:
        raise InputError(f"expected a name, or as many deviations as means, not {len(numbers)} numbers")
    return {"mean": list(numbers[:half]), "std": list(numbers[half:])}


def _side(text: str) -> Any:
    sides = [int(part) for part in text.replace("x", " ").split()]
    return as_size(sides[0] if len(sides) == 1 else sides)


QUESTIONS: Mapping[str, Question] = {
    "builder": Question(
        "--builder",
        "What builds the network",
        "torchvision:<model>, timm:<model>, hub:<repository or folder>:<entry>, file.py:callable or module:callable",
        str,
    ),
    "weights": Question("--weights", "Where its weights are", "a file, or published", str),
    "classes": Question("--classes", "How many classes it tells apart", "a number", int),
    "channels": Question("--channels", "How many channels an image has", "3 for colours, 1 for grey", int),
    "size": Question(
        "--size", "The side of an image as it was trained, in pixels", "32, 224, or height and width: 24x32", _side
    ),
    "normalisation": Question(
        "--normalisation",
        "What its training made of pixels in [0, 1] (`--normalize`, `transforms.Normalize`)",
        f"{', '.join(NORMALISATIONS)}, or its means and then its deviations, as --mean and --std",
        _normalisation,
    ),
}
"""By the key of the section `teacher` that the answer is for."""


def answers(missing: Sequence[str], why: str) -> dict[str, Any]:
    """Asks on the terminal for what is missing, in that order.

    Args:
        why: it is not known, for those who have no terminal.

    Raises:
        InputError: there is no terminal to ask on, or no answer comes.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        wanted = "; ".join(f"{QUESTIONS[key].flag} ({QUESTIONS[key].expected})" for key in missing)
        raise InputError(f"{why}; say {wanted}")
    return {key: _asked(QUESTIONS[key]) for key in missing}


def _asked(question: Question) -> Any:
    while True:
        print(f"{question.text}? ({question.expected})", file=sys.stderr)
        try:
            text = input("> ").strip()
        except EOFError as error:
            raise InputError(f"no answer; say {question.flag}") from error
        try:
            if text:
                return question.read(text)
        except (InputError, ValueError) as error:
            print(error, file=sys.stderr)
