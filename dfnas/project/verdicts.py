"""What a first trial of a classifier means, in words, with what to do."""

import math
from collections import Counter
from collections.abc import Sequence

from dfnas.measure.agreement import nearer_to_chance
from dfnas.measure.binomial import at_least
from dfnas.project.attempt import Attempt
from dfnas.project.normalisation import CONFIGURED, NEAR, Suits

UNLIKELY = 0.01
"""Probability below which an agreement is no matter of chance."""
LEEWAY = 1.25
"""Times as long as all steps take, and a minute for loading and timing: minutes into which they fit."""
ONE_SIDED = 0.5
"""Share of the images that a classifier may give one class, where they were made for many, before that is said."""


def by_chance(agreeing: int, images: int, classes: int) -> float:
    """The probability of as many agreements or more among images, by guessing."""
    return at_least(agreeing, images, 1 / classes)


def is_well(found: Attempt, classes: int) -> bool:
    """Whether a long run is worth its time."""
    return not nearer_to_chance(found.agreeing / len(found.images), classes)


def agreement(found: Attempt, classes: int) -> str:
    """How often the classifier sees what images were made for."""
    images = len(found.images)
    story = (
        f"The classifier sees in {found.agreeing} of {images} images what they were made for; guessing would be right "
        f"in {images / classes:.2g}."
    )
    if is_well(found, classes):
        return f"{story} It works: go on."
    needed = math.ceil(LEEWAY * found.whole_s / 60) + 1
    if found.is_short:
        return (
            f"{story} But only {found.steps} of {found.wanted} steps fitted into its time: that says nothing yet. Try "
            f"it with --minutes {needed}."
        )
    if found.steps < found.wanted:
        story += f" {found.steps} of {found.wanted} steps fitted into its time (all into --minutes {needed})."
    if by_chance(found.agreeing, images, classes) < UNLIKELY:
        return (
            f"{story} That is more than chance, and not enough: give it more steps (invert_teacher.stages), a "
            "higher invert_teacher.lr, or check its normalisation and size."
        )
    return (
        f"{story} That may be chance. A long run would make nothing of use: check mean, std and size of the teacher "
        "first, then try more steps and a higher invert_teacher.lr."
    )


def one_sided(found: Attempt, names: Sequence[str]) -> str:
    """Whether it says much the same of all of them; nothing where it does not."""
    (label, count), *_ = Counter(found.seen.tolist()).most_common(1)
    made = int((found.classes == label).sum())
    if count <= max(ONE_SIDED * len(found.images), made):
        return ""
    return (
        f"It sees '{names[label]}' in {count} of {len(found.images)} images, of which {made} were made for it: a sign "
        "of a wrong normalisation, of weights that were never trained, or of a classifier that prefers a class."
    )


def unseen_normalisation(call: str) -> str:
    """What cannot be seen without a real image.

    Args:
        call: that shows one.
    """
    return (
        "Whether mean and std are those of its training cannot be seen from here: images are made to please it as it "
        f"is fed. One real image of a known class tells: {call}"
    )


def normalisation(found: Sequence[Suits], names: Sequence[str]) -> list[str]:
    """What real images say of normalisations: a line for each, and what follows."""
    lines = ["normalisation   distance   sees"]
    for one in found:
        seen = ", ".join(f"{names[k]} ({p:.0%})" for k, p in zip(one.seen, one.probabilities, strict=True))
        distance = "" if one.distance is None else f"{one.distance:.3g}"
        lines.append(f"{one.name:15} {distance:>8}   {seen}")
    known = [one for one in found if one.distance is not None]
    if not known:
        return [
            *lines,
            "It has no BatchNorm to compare with: take the normalisation under which the classes are right.",
        ]
    best = min(known, key=lambda one: one.distance or 0.0)
    near = [f"'{one.name}'" for one in known if (one.distance or 0.0) <= NEAR * (best.distance or 0.0)]
    if f"'{CONFIGURED}'" in near:
        return [*lines, "The configured normalisation suits its BatchNorms as well as any, if the classes are right."]
    which = f"{near[0]} suits" if len(near) == 1 else f"{', '.join(near[:-1])} and {near[-1]} suit"
    return [
        *lines,
        f"{which} its BatchNorms better than what is configured: set mean and std to "
        f"{'it' if len(near) == 1 else 'the one that its training script has'}, if the classes are right there "
        "(docs/teachers.md#normalisation).",
    ]
