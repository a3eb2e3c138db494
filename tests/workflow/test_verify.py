"""`dfnas verify` on a run that is real: whole as it stands, and every way of tampering with it is told."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import Finished, snakemake

from dfnas.artifacts.formats import READERS, provenance_of
from dfnas.artifacts.receipt import RECEIPTS, Receipt
from dfnas.commands.main import main
from dfnas.dataset.writing import read_shard, write_shard
from dfnas.runs.folder import RunFolder
from dfnas.runs.verification import Verification, verify
from dfnas.runtime.files import digest, load_archive, read_json, save_archive, write_json

SHARD, LABELS = "synthesis/synthetic/generation-1/shard-0.h5", "labels/synthetic/generation-0.h5"
DATASET, TEACHER = "dataset/synthetic.h5", "teacher/teacher.pt"
NETWORK = "retrain/spos/synthetic/original/seed-0/model.pt"
FOUND = "search/spos/synthetic/seed-0/architecture.json"
METRICS = "evaluate/spos/synthetic/original/seed-0/metrics.json"
PAGE = "report/provenance.html"
DEPLOYED = tuple(f"deploy/spos/model.{kind}" for kind in ("safetensors", "onnx", "pt2"))


@pytest.fixture(scope="module")
def copied(finished: Finished, tmp_path_factory) -> Path:
    """A copy of the finished run, which a test may change if it puts everything back."""
    return finished.copy(tmp_path_factory.mktemp("verified") / "run") / "results"


@pytest.fixture
def results(copied: Path, finished: Finished):
    """The same, put right again after the test."""
    yield copied
    there, ours = ({p.relative_to(root): p for p in root.rglob("*")} for root in (finished.results, copied))
    for place, path in there.items():
        copy = copied / place
        if path.is_file() and (not copy.is_file() or stamp(copy) != stamp(path)):
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(path, copy)
    for place in ours.keys() - there.keys():
        ours[place].unlink()


def stamp(path: Path) -> tuple[int, int]:
    return path.stat().st_mtime_ns, path.stat().st_size


def told(results: Path) -> Verification:
    return verify(RunFolder(results))


def test_a_finished_run_is_whole(finished, capsys):
    found = told(finished.results)
    assert not found.findings, [one.line() for one in found.findings]
    assert not found.notes
    print(f"verify: {found.files} files, {found.receipts} receipts, {found.bytes / 1e6:.1f} MB, {found.seconds:.2f} s")
    assert found.files > 200
    assert main(["verify", str(finished.results)]) == 0
    assert capsys.readouterr().out.endswith("Everything belongs together.\n")


def test_every_artifact_says_where_it_came_from(finished):
    """Inside, where its format has a place for it; in its job's receipt, whatever its format."""
    run = RunFolder(finished.results)
    receipts = [Receipt.read(path) for path in run.files(f"{RECEIPTS}/**/*.json")]
    made = {name for receipt in receipts for name in receipt.outputs}
    for receipt in receipts:
        said = receipt.provenance
        assert "seed" in {*said.arguments, *said.settings} or said.stage not in (
            "retrain",
            "supernet_darts",
            "search_darts",
        )
    artifacts = [path for path in run.files("**/*") if path.relative_to(run.path).as_posix() in made]
    inside = {kind: [path for path in artifacts if path.suffix == kind] for kind in READERS}
    assert all(inside.values())
    for path in (path for paths in inside.values() for path in paths):
        assert provenance_of(path), path
    print("provenance inside:", {kind: len(paths) for kind, paths in inside.items()})


def flip(path: Path) -> None:
    """Flips a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def edit(path: Path, **values) -> None:
    write_json(path, read_json(path) | values)


def other_weights(path: Path) -> None:
    """The same network with one weight changed, as a whole archive."""
    archive = load_archive(path)
    next(iter(archive["state"].values())).view(-1)[0] += 1
    save_archive(path, archive)


def other_images(path: Path) -> None:
    """The same shard with one pixel changed, sealed anew."""
    images, targets, attributes = read_shard(path)
    images[0, 0, 0, 0] ^= 1
    write_shard(path, images, targets, attributes)


def swap(first: Path, second: Path) -> None:
    aside = first.with_name("aside")
    os.rename(first, aside)
    os.rename(second, first)
    os.rename(aside, second)


def made_anew(results: Path, name: str, tamper) -> None:
    """Changes a file as if its job had made it so."""
    tamper(results / name)
    (path,) = (p for p in RunFolder(results).files(f"{RECEIPTS}/**/*.json") if name in Receipt.read(p).outputs)
    receipt = read_json(path)
    receipt["outputs"][name] |= {"sha256": digest(results / name)}
    write_json(path, receipt)


CASES = {
    **{
        f"a bit of {name} flipped": (lambda results, name=name: flip(results / name), {("damaged", name)})
        for name in (SHARD, LABELS, DATASET, DEPLOYED[0], "report/comparison.png")
    },
    # ONNX has no checksums, and those of archives do not reach between their parts.
    **{
        f"a bit of {name} flipped": (lambda results, name=name: flip(results / name), {("damaged|changed", name)})
        for name in (TEACHER, NETWORK, *DEPLOYED[1:])
    },
    **{
        f"{name} was cut": (lambda results, name=name: os.truncate(results / name, 200), {("damaged", name)})
        for name in (SHARD, TEACHER, METRICS, DEPLOYED[0], "pictures/labels.png")
    },
    **{
        f"{name} is gone": (lambda results, name=name: (results / name).unlink(), {("missing", name)})
        for name in (SHARD, NETWORK, "table1.csv", "latency.csv")
    },
    "other weights": (lambda results: other_weights(results / NETWORK), {("changed", NETWORK)}),
    "another teacher": (lambda results: other_weights(results / TEACHER), {("changed", TEACHER)}),
    "other images": (lambda results: other_images(results / SHARD), {("changed", SHARD)}),
    "a better error": (lambda results: edit(results / METRICS, top1_error=0.0), {("changed", METRICS)}),
    "a table written by hand": (
        lambda results: (results / "table1.csv").write_text("algorithm\nmine\n"),
        {("changed", "table1.csv")},
    ),
    "two shards have changed places": (
        lambda results: swap(results / SHARD, results / SHARD.replace("shard-0", "shard-1")),
        {("changed", SHARD), ("changed", SHARD.replace("shard-0", "shard-1"))},
    ),
    "an architecture made anew": (
        lambda results: made_anew(results, FOUND, lambda path: edit(path, remark="new")),
        {("stale", name) for name in (NETWORK, FOUND.replace("architecture.json", "search.png"), PAGE)},
    ),
    "labels made anew": (
        lambda results: made_anew(results, "labels/synthetic/generation-0.json", lambda path: edit(path, remark=1)),
        {("stale", "pictures/labels.png")},
    ),
    "one seed with other settings": (
        lambda results: edit_receipt(results / RECEIPTS / f"{FOUND}.json", "settings", steps=5),
        {("mixed", FOUND)},
    ),
    "one seed by other code": (
        lambda results: edit_receipt(results / RECEIPTS / f"{NETWORK}.json", code="0" * 16),
        {("mixed", NETWORK)},
    ),
    "a file of nobody": (
        lambda results: (results / "search" / "notes.md").write_text("mine"),
        {("unrecorded", "search/notes.md")},
    ),
    "no receipt": (
        lambda results: (results / RECEIPTS / "latency.csv.json").unlink(),
        {("unrecorded", "latency.csv")},
    ),
    "half a receipt": (
        lambda results: os.truncate(results / RECEIPTS / "latency.csv.json", 99),
        {("receipt", f"{RECEIPTS}/latency.csv.json"), ("unrecorded", "latency.csv")},
    ),
    "half a file of a killed job": (
        lambda results: (results / "dataset" / ".synthetic.h5.7.tmp").write_bytes(b"half"),
        {("unrecorded", "dataset/.synthetic.h5.7.tmp")},
    ),
}


def edit_receipt(path: Path, part: str | None = None, **values) -> None:
    receipt = read_json(path)
    said = receipt["provenance"]
    (said[part] if part else said).update(values)
    write_json(path, receipt)


@pytest.mark.parametrize("case", CASES)
def test_tampering_is_told(results, capsys, monkeypatch, case):
    tamper, expected = CASES[case]
    tamper(results)
    verified = []
    monkeypatch.setattr("dfnas.commands.verify.verify", lambda run: verified.append(verify(run)) or verified[0])
    assert main(["verify", str(results)]) == 1
    found = {one.file: one.kind for one in verified[0].findings}
    assert found.keys() == {name for _, name in expected}
    assert all(found[name] in kinds.split("|") for kinds, name in expected), found
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == len(expected)
    for _, name in expected:
        (line,) = (line for line in lines if line.startswith(f"{name}: "))
        assert re.search(r"[;,] (snakemake --cores 1 --force results/\S+|rm \S+)", line)
    assert f"{len(expected)} finding" in last


def test_what_it_says_to_do_mends_the_run(copied, finished, capsys):
    """A table that was edited is rebuilt by the command of the finding."""
    before = (copied / "table1.csv").read_bytes()
    (copied / "table1.csv").write_text("algorithm\nmine\n")
    main(["verify", str(copied), "--json"])
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    _, *arguments = shlex.split(finding["advice"])
    done = snakemake(copied.parent, *arguments, source=finished.source)
    assert done.returncode == 0, done.stderr
    assert (copied / "table1.csv").read_bytes() == before
    assert main(["verify", str(copied)]) == 0


def test_the_command_is_installed(finished):
    call = [sys.executable, "-m", "dfnas", "verify", str(finished.results), "--json"]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["whole"]
