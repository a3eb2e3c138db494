"""JSON files with the right digest and values of the wrong kind: who writes a file can compute that too."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stage_calls import Commands

from dfnas.pictures.generations import REPORT
from dfnas.runtime.files import read_json, write_json
from dfnas.runtime.kinds import ABSENT, misfit
from dfnas.spaces.architecture import space_of
from dfnas.stages import class_accuracies, compare_data, draw_comparison, draw_labels, draw_search, model_card, times
from dfnas.stages.rows import FIGURES, OF_NETWORKS

WRONG = ("ha", None, [], {}, True, 1.5, 10**400)


def table1(folder: Path) -> list:
    files = ["--metrics", folder / "metrics.json", "--timings", folder / "m.json"]
    out = [folder / "table1.csv", "--times", folder / "times.csv", "--classes", folder / "classes.csv"]
    return [*files, "--latency", folder / "latency.csv", "--out", *out]


def compared(folder: Path) -> list:
    files = ["--metrics", folder / "metrics.json", "--predictions", folder / "predictions.csv"]
    return [*files, "--out", folder / "s.csv", "--text", folder / "s.md", "--page", folder / "s.html"]


def drawn(folder: Path) -> list:
    return ["--metrics", folder / "metrics.json", "--teacher", folder / "metrics.json", "--out", folder / "c.png"]


def labels(folder: Path) -> list:
    files = ["--labels", folder / "labels.h5", "--reports", folder / "labels.json", "--sources", "synthetic"]
    return [*files, "--out", folder / "l.png"]


def images(folder: Path) -> list:
    return Commands(folder).draw_images()


def search(folder: Path) -> list:
    return Commands(folder).draw_search()


def card(folder: Path) -> list:
    return Commands(folder).model_card()


def described(folder: Path) -> list:
    about = ["--comparison", '{"seeds": [0]}', "--searches", "random/none", "--teacher", folder / "teacher.pt"]
    return [*about, "--sources", "synthetic", "--quality", folder / "quality.json", "--out", folder / "run.rst"]


SEEN_BY = {"generation": int, "images": int, "teacher_agreement": float, "verifier_agreement": float | None}
COMPARED = dict.fromkeys(draw_comparison.KEYS, str) | dict.fromkeys(draw_comparison.FIGURES, float)
READ: dict[str, tuple[str, Any, str, dict]] = {
    "the table": ("table1", table1, "metrics.json", FIGURES | OF_NETWORKS | {class_accuracies.FIGURE: list[float]}),
    "its times": ("table1", table1, "m.json", times.KINDS),
    "the card": ("model_card", card, "metrics.json", model_card.FIGURES),
    "the comparison": ("compare_data", compared, "metrics.json", compare_data.FIGURES),
    "its picture": ("draw_comparison", drawn, "metrics.json", COMPARED),
    "the images": ("draw_images", images, "quality.json", REPORT),
    "the description": ("describe_run", described, "quality.json", SEEN_BY),
    "the labels": ("draw_labels", labels, "labels.json", dict.fromkeys(draw_labels.KEYS, float)),
    "the search": (
        "draw_search",
        search,
        "architecture.json",
        draw_search.KINDS,
    ),
}
"""Stages with their arguments, the file that is forged, and what they read of it."""


def forgeries(document: dict, kinds: dict) -> Iterator[tuple[str, dict]]:
    """A place, and the document with something there that is not what is read, or without it: some for every place."""
    for key, kind in kinds.items():
        kept = {name: value for name, value in document.items() if name != key}
        yield from ((key, kept | {key: wrong}) for wrong in [one for one in WRONG if misfit(one, kind)][:2])
        if misfit(ABSENT, kind):
            yield key, kept
        held = document.get(key)
        if not held or not isinstance(held, list | dict):
            continue
        inner = next((one for one in (kind if isinstance(kind, tuple) else (kind,)) if isinstance(one, dict)), None)
        if inner is not None:
            yield from ((f"{key}.{place}", kept | {key: forged}) for place, forged in forgeries(held, inner))
            continue
        first = next(iter(held)) if isinstance(held, dict) else 0
        forged = copy.copy(held)
        forged[first] = []
        if misfit(forged, kind):
            yield f"{key}.{first}", kept | {key: forged}


@pytest.mark.parametrize("case", READ)
def test_values_of_another_kind(chain, fails, say, case):
    stage, arguments, name, kinds = READ[case]
    path = chain.folder / name
    document = read_json(path)
    count = 0
    for place, forged in forgeries(document, kinds):
        write_json(path, forged)
        story = fails(stage, arguments(chain.folder), path, f"'{place}'", "delete it to rebuild it")
        assert len(story) < 1000
        count += 1
    say(f"forged: {case}, {count} files refused in one line")


def test_strengths_of_another_kind(chain, fails):
    space = space_of(read_json(chain.folder / "architecture.json"))
    path = chain.folder / "strengths.json"
    for wrong in ("ha", None, True, [1.0]):
        write_json(path, {choice: dict.fromkeys(options, wrong) for choice, options in space.choices.items()})
        fails("draw_search", chain.draw_search(strengths=path), path, "expected a number")


def test_figures_of_networks_that_cannot_stand_in_one_row(chain, fails):
    path, other = chain.folder / "metrics.json", chain.folder / "other.json"
    figures = read_json(path)
    write_json(other, figures | {"seed": 1, "class_accuracy": figures["class_accuracy"][:-1]})
    arguments = table1(chain.folder)
    arguments.insert(arguments.index("--timings"), other)
    assert "networks of [9, 10] classes" in fails("table1", arguments)


def test_a_teacher_without_errors_of_its_own_is_no_network(chain, fails):
    """Empty texts stand for what the teacher has not, and for nothing else."""
    path = chain.folder / "metrics.json"
    write_json(path, read_json(path) | {"validation_error": ""})
    fails("table1", table1(chain.folder), path, "has \"\" for 'validation_error', expected a number")
