"""JSON files with the right digest and values of the wrong kind: who writes a file can compute that too."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stage_calls import Commands

from dfnas.artifacts.architecture import FoundArchitecture
from dfnas.artifacts.calibration import Calibration
from dfnas.artifacts.document import Document
from dfnas.artifacts.metrics import NetworkMetrics
from dfnas.artifacts.quality import QualityReport
from dfnas.artifacts.timing import Timing
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import read_json, write_json
from dfnas.spaces.architecture import space_of

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


READ: dict[str, tuple[str, Callable[[Path], list], str, type[Document]]] = {
    "the table": ("table1", table1, "metrics.json", NetworkMetrics),
    "its times": ("table1", table1, "m.json", Timing),
    "the card": ("model_card", card, "metrics.json", NetworkMetrics),
    "the comparison": ("compare_data", compared, "metrics.json", NetworkMetrics),
    "its picture": ("draw_comparison", drawn, "metrics.json", NetworkMetrics),
    "the images": ("draw_images", images, "quality.json", QualityReport),
    "the description": ("describe_run", described, "quality.json", QualityReport),
    "the labels": ("draw_labels", labels, "labels.json", Calibration),
    "the search": ("draw_search", search, "architecture.json", FoundArchitecture),
}
"""Stages with their arguments, the file that is forged, and its model."""


def forgeries(model: type[Document], document: dict) -> Iterator[tuple[str, dict]]:
    """A place, and the document with something there that does not fit, or without it: some for every place."""

    def refused(forged: dict) -> bool:
        try:
            model.of(forged, "forged")
        except InputError:
            return True
        return False

    for name, field in model.model_fields.items():
        kept = {key: value for key, value in document.items() if key != name}
        wrong = [one for one in (kept | {name: wrong} for wrong in WRONG) if refused(one)]
        assert wrong, name
        yield from ((name, one) for one in wrong[:2])
        if field.is_required():
            assert refused(kept), name
            yield name, kept
        held = document.get(name)
        if isinstance(held, list | dict) and held:
            for key in held if isinstance(held, dict) else (0,):
                forged = copy.copy(held)
                forged[key] = [None]
                if refused(kept | {name: forged}):
                    yield f"{name}.{key}", kept | {name: forged}


@pytest.mark.parametrize("case", READ)
def test_values_of_another_kind(chain, fails, say, case):
    stage, arguments, name, model = READ[case]
    path = chain.folder / name
    document = read_json(path)
    count = 0
    for place, forged in forgeries(model, document):
        write_json(path, forged)
        story = fails(stage, arguments(chain.folder), path, f"'{place}", "delete it to rebuild it")
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
