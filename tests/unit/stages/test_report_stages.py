"""The stages behind the report's front page, its page of provenance and its picture of labels, on made-up artifacts."""

import json
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from calling import call as run
from docutils.core import publish_parts
from hypothesis import given
from hypothesis import strategies as st
from made_artifacts import calibration, network_metrics, quality, said, table1_row
from PIL import Image

from dfnas.artifacts.lookup import LookupRow
from dfnas.artifacts.significance import SignificanceRow
from dfnas.artifacts.table1 import Table1Row
from dfnas.artifacts.teacher import save_teacher
from dfnas.classifiers.description import TeacherSpec
from dfnas.dataset.writing import write_labels
from dfnas.pictures.figures import blank, png
from dfnas.runtime.files import digest, save_archive, write_json
from dfnas.tables import run as words


def made_of(stage: str, inputs: list[Path], **more) -> dict:
    """What an artifact says of itself."""
    arguments = {"arguments": {"seed": 3, "latency": None}, "settings": {"lr": 0.5}}
    return said(stage, inputs={path.name: digest(path) for path in inputs}, **(arguments | more))


@pytest.fixture
def chain(tmp_path) -> dict[str, Path]:
    """A checkpoint, the teacher that was made of it, labels by the teacher, and an architecture found with them."""
    names = ("mine.pt", "teacher.pt", "labels.h5", "architecture.json")
    files = {name.split(".")[0]: tmp_path / name for name in names}
    files["mine"].write_bytes(b"weights")
    settings = {"weights": str(files["mine"])}
    spec = TeacherSpec(builder="torchvision:resnet18", channels=1, size=8, mean=(0.5,), std=(0.5,))
    save_teacher(files["teacher"], spec, {}, made_of("import_teacher", [files["mine"]], settings=settings))
    soft, classes = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]), np.array([0, 0, 1])
    attributes = {"generation": 0, "class_names": ["cat", "dog"]}
    provenance = made_of("calibrate_labels", [files["teacher"]])
    write_labels(files["labels"], soft, classes, attributes | {"provenance": provenance})
    found = made_of("search_spos", [files["teacher"], files["labels"]])
    write_json(files["architecture"], {"provenance": found})
    return files


def traced(chain: dict[str, Path]) -> str:
    """The page of provenance, without its markup."""
    files = ["--archives", chain["teacher"], "--labels", chain["labels"], "--documents", chain["architecture"]]
    out = chain["mine"].with_name("provenance.html")
    assert run("provenance", *files, "--out", out) == 0
    return re.sub(r"<[^>]*>", "", out.read_text())


def test_provenance_names_every_artifact_and_finds_the_chain_whole(chain):
    text = traced(chain)
    assert "3 artifacts, 4 recorded inputs: every one is the file that was read." in text
    assert text.count("✓") == 4
    for path in chain.values():
        assert path.name in text
        assert digest(path)[:12] in text
    assert "dfnas 0.1.0; torch 2.14.1; device cpu" in text
    assert "seed 3" in text
    assert "latency" not in text  # an argument that was not given
    assert f"numpy {np.__version__}" in text


def test_a_file_that_changed_after_it_was_read_is_told(chain):
    chain["mine"].write_bytes(b"other weights")
    text = traced(chain)
    assert "mine.pt has changed since it was read." in text
    assert text.count("✓") == 3


def test_a_file_that_is_gone_is_told(chain):
    chain["mine"].unlink()
    assert "mine.pt is no longer there." in traced(chain)


@pytest.mark.parametrize(
    ("archive", "story"),
    [
        ({"provenance": {"stage": "retrain"}}, "has no 'provenance.dfnas'"),
        ({"provenance": [1]}, "has [1] for 'provenance', expected an object"),
        ({"state": {}}, "does not say where it came from"),
        ([1], "does not say where it came from"),
    ],
)
def test_an_artifact_that_does_not_say_where_it_came_from_is_refused(tmp_path, capsys, archive, story):
    save_archive(tmp_path / "model.pt", archive)
    assert run("provenance", "--archives", tmp_path / "model.pt", "--out", tmp_path / "page.html") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path / 'model.pt'} {story}; delete it to rebuild it" in line


def test_labels_are_drawn_with_their_own_figures(chain, tmp_path, monkeypatch):
    report = tmp_path / "labels.json"
    calibration().write(report)
    drawn = []
    monkeypatch.setattr("dfnas.stages.draw_labels.labels_png", lambda *given: drawn.append(given) or png(blank(1, 1)))
    files = ["--labels", chain["labels"], "--reports", report, "--sources", "noise"]
    assert run("draw_labels", *files, "--out", tmp_path / "labels.png") == 0
    ((sources, class_names),) = drawn
    (labels,) = sources["noise"]
    assert class_names == ["cat", "dog"]
    assert labels[:6] == (0, pytest.approx(2 / 3), 0.2, 0.1, 0.9, 0.3)  # confidences 0.75, 0.5 and 0.75
    np.testing.assert_allclose(labels.by_class, [[0.625, 0.375], [0.25, 0.75]])


COMPARISON = {"search_data": ["original", "my_set"], "retrain_data": ["original"], "seeds": [0, 1]}
TABLE = [
    table1_row(algorithm="teacher", search_data="", top1_error_mean=1.111),
    table1_row(),
    table1_row(search_data="my_set", top1_error_mean=2.0, architecture="search/x/seed-0/architecture.json"),
    table1_row(algorithm="random", search_data="none", top1_error_mean=4.0),
]
SIGNIFICANCE = SignificanceRow(
    algorithm="spos",
    search_data="my_set",
    retrain_data="original",
    seeds=2,
    original_seeds=2,
    test_images=200,
    top1_error_mean=2.0,
    original_top1_error_mean=3.0,
    difference_points=-1.0,
    interval_low=-1.5,
    interval_high=-0.5,
    p_value=0.01,
    verdict="better",
)


def test_a_run_in_words(chain, tmp_path):
    quality(generation=2).write(tmp_path / "quality.json")
    Table1Row.write(tmp_path / "table1.csv", TABLE)
    SignificanceRow.write(tmp_path / "significance.csv", [SIGNIFICANCE])
    files = ["--teacher", chain["teacher"], "--quality", tmp_path / "quality.json", "--table", tmp_path / "table1.csv"]
    what = ["--comparison", json.dumps(COMPARISON), "--searches", "spos/original", "spos/my_set", "random/none"]
    for name in ("images", "search/x/seed-0/search"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((1400, 60), 50).save(tmp_path / f"{name}.png")
    network_metrics(held_out_images=40).write(tmp_path / "metrics.json")
    files += ["--images", tmp_path / "images.png", "--drawn", tmp_path / "search/x/seed-0/search.png"]
    files += ["--metrics", tmp_path / "metrics.json"]
    out = ["--significance", tmp_path / "significance.csv", "--out", tmp_path / "run.rst"]
    assert run("describe_run", *files, *what, "--sources", "my_set", *out) == 0
    text = rendered((tmp_path / "run.rst").read_text())
    assert text.startswith(
        "Verdict The best of 3 rows is spos, searched on my_set images and trained on original ones: "
    )
    assert "40 held-out images of 10 classes are few to choose by" in text
    parts = ("is right in 98.00 % of", "The architecture of the best row", "Synthetic images my_set: a row", "The run")
    assert sorted(parts, key=text.index) == list(parts)
    body = publish_parts((tmp_path / "run.rst").read_text(), writer="html")["body"]
    pictures = re.findall(r'src="data:image/png;base64,([^"]*)"', body)
    assert [Image.open(BytesIO(b64decode(content))).width for content in pictures] == [1000, 1000]
    for sentence in (
        "torchvision:resnet18, imported from mine.pt: images of 1 × 8 × 8 to 10 classes, 1.11 % top-1 error",
        "my_set: 1,200 images in 3 generations made from the teacher alone, which sees the class that they were made "
        "for in 98.5 % of the last generation.",
        "spos searched on original and my_set images; random drew without looking at any; each with the seeds 0 and 1",
        "spos shufflenet my_set original 2.000 ± 0.500 0.012 1.50",
        "spos on my_set images is better than spos on original ones: -1.00 points of error, "
        "95 % interval -1.50 to -0.50.",
    ):
        assert sentence in text


def test_images_in_which_the_teacher_sees_little_are_told():
    few = words.SyntheticData("mine", 2, 40, 0.3, None)
    assert "30.0 % of the last generation. That is nearer to guessing" in rendered(words.data_story([few], 10))
    assert "guessing" not in words.data_story([few._replace(agreement=0.9)], 10)


def test_a_comparison_without_an_interval_in_words():
    row = SIGNIFICANCE.texts() | {"verdict": "cannot tell", "interval_low": "", "interval_high": ""}
    sentence = (
        "spos on my_set images is not to be told from spos on original ones: -1.00 points of error, with too few "
    )
    assert sentence + "seeds for an interval." in rendered(words.significance_story([row]))


def test_a_run_that_was_looked_up_in_words(chain, tmp_path):
    keys = ("algorithm", "search_data", "seeds", "accuracy_mean", "rank_mean", "percentile_mean")
    rows = [("darts", "noise", 3, 93.0, 80.5, 99.0), ("random", "none", None, 94.0, 5.0, 99.9)]
    rows.append(("optimum", "none", None, 94.37, 1.0, 100.0))
    LookupRow.write(tmp_path / "lookup.csv", [LookupRow(**dict(zip(keys, row, strict=True))) for row in rows])
    comparison = {"search_data": ["noise"], "retrain_data": [], "seeds": [0]}
    what = ["--comparison", json.dumps(comparison), "--searches", "darts/noise", "--lookups", tmp_path / "lookup.csv"]
    assert run("describe_run", "--teacher", chain["teacher"], *what, "--out", tmp_path / "run.rst") == 0
    text = rendered((tmp_path / "run.rst").read_text())
    assert "darts searched on noise images; each with seed 0." in text
    assert "darts on noise images found architectures of true accuracy 93.00 % and rank 80" in text
    assert "the best of all has 94.37 %." in text


def rendered(text: str) -> str:
    """The words of reStructuredText in which there is nothing wrong."""
    body = publish_parts(text, writer="html", settings_overrides={"report_level": 5})["body"]
    assert "system-message" not in body
    return " ".join(re.sub(r"<[^>]*>", "", body).split())


@given(st.text(alphabet="ab_*`|\\<>[]:.", min_size=1).filter(lambda text: text.strip(":.") == text))
def test_names_stay_as_they_are_in_the_description(name):
    story = words.teacher_story(words.TeacherFacts(f"x{name}x", (1, 8, 8), 10, None), None)
    body = publish_parts(story, writer="html", settings_overrides={"report_level": 1, "warning_stream": False})["body"]
    escaped = f"x{name}x".replace("<", "&lt;").replace(">", "&gt;")
    assert f"<dd>{escaped}, a stand-in" in body.replace("\n", " ")
