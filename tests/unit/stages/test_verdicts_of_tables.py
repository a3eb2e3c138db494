"""What a table of students and their teacher means in words: where students are poor it is said, with what to do."""

import pytest
from made_artifacts import network_metrics, table1_row, teacher_metrics

from dfnas.live.outcome import verdict_of
from dfnas.tables.rows import row_of
from dfnas.tables.verdict import verdicts

TEACHER = table1_row(algorithm="teacher", search_data="", retrain_data="", top1_error_mean=1.0)


def on(data: str, error: float | None, algorithm: str = "spos", **more):
    return table1_row(algorithm=algorithm, search_data="synthetic", retrain_data=data, top1_error_mean=error, **more)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (2.0, "It is near the teacher."),
        (30.0, "It has learnt a part of what the teacher knows; for the rest more images"),
        (60.0, "That is far below the teacher: give it more images (synthesis.images)"),
        (88.0, "It has learnt next to nothing: look at what it learnt from"),
    ],
)
def test_a_student_is_judged_between_chance_and_its_teacher(error, meaning):
    (line,) = verdicts([TEACHER, on("synthetic", error)], 10, 1000)
    assert line.startswith(
        "The only row is spos, searched on synthetic images and trained on synthetic ones: it is right in "
        f"{100 - error:.2f} % of the original test images (the teacher in 99.00 %, guessing in 10 %). "
    )
    assert meaning in line


def test_of_several_rows_the_best_is_named_and_the_poor_are_told():
    rows = [TEACHER, on("synthetic", 3.0), on("original", 1.5), on("synthetic", 70.0, "darts")]
    best, poor = verdicts(rows, 10, 1000)
    assert best.startswith("The best of 3 rows is spos, searched on synthetic images and trained on original ones")
    assert poor.startswith("Poor: darts, searched on synthetic images and trained on synthetic ones")


def test_what_original_images_give_is_said_beside_it():
    known = on("original", 5.0), on("synthetic", 3.0)
    (line,) = verdicts([TEACHER, *known], 10, 1000)
    assert "guessing in 10 %; trained on original images in 95.00 %). It is near the teacher." in line


def test_without_original_images_the_teacher_is_the_measure():
    teacher = table1_row(algorithm="teacher", top1_error_mean=None, teacher_agreement_mean=100.0)
    (line,) = verdicts([teacher, on("synthetic", None, teacher_agreement_mean=20.0)], 10, 1000)
    assert (
        "it gives the teacher's class to 20.00 % of the images that were held out (guessing to 10 %). That is" in line
    )
    assert "far below the teacher" in line
    assert line.endswith(
        "On real images expect less, how much less is not known: these were made as those that it learnt from."
    )


def test_a_teacher_that_fails_on_the_original_images_is_told_first():
    wrong = table1_row(algorithm="teacher", top1_error_mean=89.0)
    (line,) = verdicts([wrong, on("synthetic", 3.0)], 10, 1000)
    assert line.startswith("The teacher itself is right in 11.00 % of the original test images, guessing in 10 %")
    assert "teacher.class_names" in line


def test_few_images_to_choose_by_are_told():
    *_, line = verdicts([TEACHER, on("synthetic", 3.0)], 10, 40)
    assert line.startswith("40 held-out images of 10 classes are few to choose by")
    assert "up to 15 points" in line


def test_the_verdict_of_a_folder_is_that_of_the_rows_of_its_table(tmp_path):
    networks = {"teacher": teacher_metrics(top1_error=0.1), "darts": network_metrics(top1_error=0.4)}
    stale = network_metrics(algorithm="spos", held_out_images=3)
    for name, one in {**networks, "spos": stale}.items():
        (tmp_path / "evaluate" / name).mkdir(parents=True)
        one.write(tmp_path / "evaluate" / name / "metrics.json")
    rows = [row_of([one]) for one in networks.values()]
    (line,) = verdict_of(tmp_path, rows)
    assert "is right in 60.00 % of the original test images (the teacher in 90.00 %, guessing in 50 %)" in line
    assert "far below the teacher: give it more epochs (retrain.epochs)" in line
    (tmp_path / "evaluate/darts/metrics.json").write_text("damaged")
    (tmp_path / "evaluate/teacher/metrics.json").unlink()
    assert verdict_of(tmp_path, rows) == []
