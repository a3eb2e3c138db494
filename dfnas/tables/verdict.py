"""What Table 1 means, in words: whether trained networks can stand in for their teacher, and what to do where not.

A network is judged by its share of the way from guessing, 1/K of K classes, to the teacher: of original test images
where there are any, else of held-out images of the data that it learnt from, where the teacher's own class is right.
"""

from collections.abc import Sequence

from dfnas.artifacts.identity import TEACHER
from dfnas.artifacts.table1 import Table1Row
from dfnas.measure.choice import few_to_choose_by
from dfnas.settings.sources import NO_DATA, ORIGINAL

NONE, HALF, NEAR = 0.1, 0.5, 0.9
"""Shares of the way from guessing to the teacher: below the first a network has learnt next to nothing, below the
second it is poor, and from the third on it is near the teacher."""
MORE = {
    True: "more epochs (retrain.epochs) or a larger space",
    False: (
        "more images (synthesis.images), inversion steps (invert_teacher.stages) or epochs (retrain_synthetic.epochs)"
    ),
}
"""What may help, by whether it was trained on original images."""
BLIND = " On real images expect less, how much less is not known: these were made as those that it learnt from."
"""Measured once: 60.7 % agreement on such images where 41.2 % of real ones were right (docs/first-hour.md)."""


def verdicts(rows: Sequence[Table1Row], classes: int, held_out: int | None) -> list[str]:
    """A line on the best row, one on each poor one, and one where there was little to choose by.

    Args:
        rows: of Table 1, the teacher's among them.
        classes: K.
        held_out: images by which students were chosen, the fewest of any; None where that is not known.
    """
    teacher = next((row for row in rows if row.algorithm == TEACHER), None)
    students = [row for row in rows if row.algorithm != TEACHER]
    if teacher is None or not students:
        return []
    if teacher.top1_error_mean is not None and _right(teacher) < _least(NONE, 100.0, classes):
        return [
            f"The teacher itself is right in {_right(teacher):.2f} % of the original test images, guessing in "
            f"{100 / classes:.2g} %: shard_original and teacher differ in the order of the classes "
            "(teacher.class_names), in mean and std, or in size; or a stand-in had too few pretrain_teacher.epochs. No "
            "figure says anything before that is mended."
        ]
    best = best_row(students)
    which = "The only row is" if len(students) == 1 else f"The best of {len(students)} rows is"
    said = [f"{which} {sentence(best, teacher, students, classes)}"]
    poor = [row for row in students if row is not best and share(row, teacher, classes) < HALF]
    said += [f"Poor: {sentence(row, teacher, students, classes)}" for row in poor]
    if held_out is not None and (few := few_to_choose_by(held_out, classes)):
        said.append(f"{few[0].upper()}{few[1:]}.")
    return said


def best_row(students: Sequence[Table1Row]) -> Table1Row:
    """The row with the lowest error, or that agrees best with the teacher; of equals the first."""
    return max(students, key=_right)


def share(row: Table1Row, teacher: Table1Row, classes: int) -> float:
    """How far a row is on the way from guessing (0) to its teacher (1)."""
    chance = 100 / classes
    return (_right(row) - chance) / max(_top(teacher) - chance, 1e-9)


def sentence(row: Table1Row, teacher: Table1Row, others: Sequence[Table1Row], classes: int) -> str:
    """What a row is worth: its figure beside the teacher's, chance and, where known, what original images give.

    Args:
        others: rows among which the same search, trained on original images, may be.
    """
    if row.top1_error_mean is None:
        figures = f"gives the teacher's class to {_right(row):.2f} % of the images that were held out"
        beside = f"guessing to {100 / classes:.2g} %"
    else:
        figures = f"is right in {_right(row):.2f} % of the original test images"
        beside = f"the teacher in {_right(teacher):.2f} %, guessing in {100 / classes:.2g} %"
    real = next((other for other in others if _is_on_real_images(other, row)), None)
    known = f"; trained on original images in {_right(real):.2f} %" if real and real.top1_error_mean is not None else ""
    blind = "" if row.top1_error_mean is not None else BLIND
    return f"{_name(row)}: it {figures} ({beside}{known}). {_meaning(row, teacher, classes)}{blind}"


def _meaning(row: Table1Row, teacher: Table1Row, classes: int) -> str:
    found, remedy = share(row, teacher, classes), MORE[row.retrain_data == ORIGINAL]
    if found < NONE:
        return f"It has learnt next to nothing: look at what it learnt from, then give it {remedy}."
    if found < HALF:
        return f"That is far below the teacher: give it {remedy}."
    if found < NEAR:
        return f"It has learnt a part of what the teacher knows; for the rest {remedy}."
    return "It is near the teacher."


def _is_on_real_images(other: Table1Row, row: Table1Row) -> bool:
    return other.key == (*row.key[:3], ORIGINAL) and row.retrain_data != ORIGINAL


def _name(row: Table1Row) -> str:
    found = "drawn without images" if row.search_data == NO_DATA else f"searched on {row.search_data} images"
    return f"{row.algorithm}, {found} and trained on {row.retrain_data} ones"


def _right(row: Table1Row) -> float:
    """Percent of what it is judged by."""
    return row.teacher_agreement_mean if row.top1_error_mean is None else 100 - row.top1_error_mean


def _top(teacher: Table1Row) -> float:
    return 100.0 if teacher.top1_error_mean is None else _right(teacher)


def _least(of_the_way: float, top: float, classes: int) -> float:
    return 100 / classes + of_the_way * (top - 100 / classes)
