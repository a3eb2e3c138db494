"""Receipts: where a job leaves one, how it names files, and what a damaged one leads to."""

import json
from pathlib import Path

import pytest
import torch
from made_artifacts import said

from dfnas.artifacts.picture import picture_provenance, write_picture
from dfnas.artifacts.receipt import Folder, Receipt, write_receipt
from dfnas.pictures.figures import blank, png
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import digest, read_json, write_json
from dfnas.settings.dataset import ShardOriginalSettings
from dfnas.stages import shard_original
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import section, size

SAID = said()


@pytest.mark.parametrize(
    ("out", "state", "results", "name"),
    [
        ("results/table1.csv", "results/.dfnas", "results", "table1.csv"),
        ("runs/a/search/x/architecture.json", "runs/a/.dfnas", "runs/a", "search/x/architecture.json"),
        ("table1.csv", ".dfnas", ".", "table1.csv"),
        ("here/table1.csv", "here/.dfnas", "here", "table1.csv"),
        # A local copy of what lies in a bucket: the folder of results is found in its path.
        (".snakemake/storage/s3/bucket/run/results/a/b.pt", "results/.dfnas", "results", "a/b.pt"),
        ("/copies/bucket/runs/a/teacher.pt", "runs/a/.dfnas", "runs/a", "teacher.pt"),
        # Nothing of the kind: beside the output.
        ("elsewhere/table1.csv", "state/.dfnas", "elsewhere", "table1.csv"),
    ],
)
def test_files_are_named_by_their_place_in_the_folder_of_results(tmp_path, monkeypatch, out, state, results, name):
    monkeypatch.chdir(tmp_path)
    folder = Folder.of(Path(out), Path(state))
    assert folder.results == Path(results)
    assert folder.name(Path(out)) == name
    assert folder.path(name).resolve() == Path(out).resolve()
    assert folder.receipt(Path(out)) == Path(results) / "provenance" / f"{name}.json"


def test_a_file_from_elsewhere_is_named_by_the_way_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Folder.of(Path("runs/a/teacher/teacher.pt"), Path("runs/a/.dfnas"))
    assert folder.name(Path("mine/weights.pt")) == "../../mine/weights.pt"
    assert folder.name(tmp_path / "mine" / "weights.pt") == f"{tmp_path}/mine/weights.pt"  # given as absolute
    assert folder.name(tmp_path / "runs" / "a" / "table1.csv") == "table1.csv"
    for name in ("../../mine/weights.pt", f"{tmp_path}/mine/weights.pt"):
        assert folder.path(name).resolve() == tmp_path / "mine" / "weights.pt"


def test_a_stage_leaves_a_receipt_of_all_that_it_made(tmp_path):
    files = ["--out", tmp_path / "d" / "original.h5", "--shard-files", *(tmp_path / "d" / f"{i}.h5" for i in range(2))]
    settings = ["--size", "8", "--mean", "[0.3]", "--std", "[0.35]", "--limit", "60", "--shards", "2"]
    state = ["--state-dir", tmp_path / ".dfnas"]
    arguments = [*map(str, [*files, *settings, *state])]
    assert shard_original.STAGE.main(shard_original.shard_original, arguments) == 0
    path = tmp_path / "provenance" / "d" / "original.h5.json"
    receipt = Receipt.read(path)
    assert set(receipt.outputs) == {"d/original.h5", "d/0.h5", "d/1.h5"}
    for name, output in receipt.outputs.items():
        assert (output.sha256, output.bytes) == (digest(tmp_path / name), (tmp_path / name).stat().st_size)
    made = receipt.provenance
    assert made.inputs == {}  # digits come with a package
    assert (made.stage, made.device) == ("shard_original", "cpu")
    given = {"size": 8, "mean": [0.3], "std": [0.35], "limit": 60, "shards": 2}
    assert made.settings == ShardOriginalSettings.parse(given, "shard_original").plain()
    left = {place.relative_to(tmp_path).parts[0] for place in tmp_path.rglob("*")}
    assert left == {"d", "provenance", ".dfnas"}


def test_an_input_is_recorded_as_it_was_when_the_job_began(tmp_path, make_stage):
    source = tmp_path / "source.txt"
    source.write_text("before")
    before = digest(source)

    def work(job):
        source.write_text("after")
        job.options.out.write_text("made")

    assert make_stage(work, "--source", source, "--out", tmp_path / "out.txt") == 0
    assert Receipt.read(tmp_path / "provenance" / "out.txt.json").provenance.inputs == {"source.txt": before}


def test_a_job_is_made_only_by_one_with_the_same_arguments_and_files_in_the_same_order(tmp_path):
    """Sections and lists among the arguments, too: what is written down is what JSON makes of them."""
    for name in "abc":
        (tmp_path / name).write_text(name)
    stage = Stage("table1", "", None)
    stage.argument("--space", type=section)
    stage.argument("--size", type=size)
    stage.argument("--names", nargs="+")
    stage.argument("--files", type=Path, nargs="+")
    stage.output("--out", required=True)
    jobs = []

    def made(space='{"name": "darts"}', size="8", names=("x", "y"), files="ab") -> bool:
        """Whether the job in place is the one with those arguments."""
        given = ["--space", space, "--size", size, "--names", *names, "--files", *(str(tmp_path / f) for f in files)]
        options = stage.parser.parse_args([*given, "--out", str(tmp_path / "out")])
        jobs.append(Job("table1", "table1", options, None, torch.device("cpu"), outputs=(options.out,)))
        jobs[-1].reads(*options.files)
        return jobs[-1].is_made()

    assert not made()
    (tmp_path / "out").write_text("made")
    jobs[0].leave_receipt()
    assert made()
    said = Receipt.read(tmp_path / "provenance" / "out.json").provenance.arguments
    assert said == {"threads": 1, "space": {"name": "darts"}, "size": [8, 8], "names": ["x", "y"], "files": ["a", "b"]}
    assert not made(space='{"name": "darts", "options": {"nodes": 2}}')
    assert not made(size="[8, 9]")
    assert not made(names=("y", "x"))
    for files in ("ba", "a", "abc", "ac"):
        assert not made(files=files)
    assert made()


def test_what_was_made_is_not_lost_for_want_of_a_receipt(tmp_path, make_stage, capsys):
    (tmp_path / "provenance").write_text("a file where the folder should be")
    assert make_stage(lambda job: job.options.out.write_text("made"), "--out", tmp_path / "out.txt") == 0
    assert (tmp_path / "out.txt").read_text() == "made"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("table1: warning: no receipt: ")


def test_a_job_that_fails_leaves_no_receipt(tmp_path, make_stage):
    def work(job):
        raise InputError("no")

    assert make_stage(work, "--out", tmp_path / "out.txt") == 1
    assert not (tmp_path / "provenance").exists()


@pytest.fixture
def make_stage(monkeypatch):
    """make_stage(work, *arguments): the exit status of a stage that does `work`."""

    def call(work, *arguments):
        stage = Stage("table1", "", None)
        stage.argument("--source", type=Path)
        stage.output("--out", required=True)
        return stage.main(work, ["--device", "cpu", *map(str, arguments)])

    return call


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"outputs": ["table1.csv"]},
        {"outputs": {"table1.csv": {"sha256": "0"}}},
        {"provenance": {"stage": "table1"}},
        {"provenance": SAID | {"inputs": []}},
        {"provenance": []},
    ],
)
def test_what_is_no_receipt_is_refused(tmp_path, change):
    (tmp_path / "table1.csv").write_text("a\n")
    folder = Folder(tmp_path, tmp_path)
    write_receipt(folder, tmp_path / "table1.csv", [tmp_path / "table1.csv"], SAID)
    path = folder.receipt(tmp_path / "table1.csv")
    assert Receipt.read(path).provenance.plain() == SAID
    write_json(path, read_json(path) | change)
    with pytest.raises(InputError, match=r"table1\.csv\.json has .*(expected|no)"):
        Receipt.read(path)


def test_a_picture_tells_its_provenance_and_is_still_a_picture(tmp_path):
    from PIL import Image

    content, path = png(blank(1, 1)), tmp_path / "picture.png"
    write_picture(path, content, SAID | {"arguments": {"name": "dög"}})
    assert picture_provenance(path) == SAID | {"arguments": {"name": "dög"}}
    with Image.open(path) as picture:
        picture.load()
        assert json.loads(picture.text["dfnas"]) == SAID | {"arguments": {"name": "dög"}}
    first = path.read_bytes()
    write_picture(path, content, SAID | {"arguments": {"name": "dög"}})
    assert path.read_bytes() == first


def test_no_flipped_bit_of_a_picture_goes_unnoticed(tmp_path):
    path = tmp_path / "picture.png"
    write_picture(path, png(blank(0.2, 0.2)), SAID)
    whole = path.read_bytes()
    for place in range(0, 8 * len(whole), 7):
        broken = bytearray(whole)
        broken[place // 8] ^= 1 << place % 8
        path.write_bytes(broken)
        with pytest.raises(InputError):
            picture_provenance(path)
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            picture_provenance(path)
