"""The stages that judge by a table, on made-up cells: what they write, and what they refuse."""

import csv
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from calling import call as run
from notations import of_cell

from dfnas.artifacts.supernet import save_supernet
from dfnas.dataset.writing import Records, write_dataset, write_shard
from dfnas.runtime.files import write_json
from dfnas.search.budget import Budget
from dfnas.search.collapse import judged
from dfnas.search.context import SearchContext
from dfnas.search.spos import SposSearch, SposSupernet
from dfnas.search.supernet import Trained
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.spaces.architecture import describe
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

TASK = Task(channels=1, size=8, classes=3)
OPTIONS = {"channels": 2, "cells_per_stage": 1}
SEARCH = {
    "space": {"name": "nasbench201", "options": OPTIONS},
    "steps": 4,
    "batch_size": 8,
    "augmentation": {"pad": 1, "flip": True},
    "evolution": {
        "generations": 1,
        "population": 2,
        "parents": 1,
        "crossover": 1,
        "mutation": 1,
        "recalibration_batches": 2,
        "recalibration_batch_size": 8,
    },
}
COLUMNS = ["--column", "top1", "--architecture-column", "cell", "--class-column", "null"]


@pytest.fixture(scope="module")
def space():
    return make("nasbench201", TASK, OPTIONS)


@pytest.fixture(scope="module")
def cells(space) -> list[dict[str, str]]:
    """Twenty cells, the first without anything to learn."""
    skips = dict.fromkeys(space.choices, "skip_connect")
    return [skips, *(space.sample(random.Random(seed)) for seed in range(19))]


@pytest.fixture
def table(tmp_path, space, cells) -> list:
    """A table in which cells are the better the later they come, as options of a stage."""
    lines = [f"{space.to_string(cell)},{70 + place}" for place, cell in enumerate(cells)]
    (tmp_path / "table.csv").write_text("cell,top1\n" + "\n".join(lines) + "\n")
    return ["--table", tmp_path / "table.csv", *COLUMNS]


def architecture(path: Path, space, choices) -> Path:
    write_json(path, describe("nasbench201", OPTIONS, space, choices, {}))
    return path


def lookup(tmp_path: Path, table: list, found: Path, algorithm="darts", seed: int = 0, data="noise") -> Path:
    out = tmp_path / f"{algorithm}-{data}-{seed}.json"
    files = ["--architecture", found, "--out", out, "--algorithm", algorithm, "--search-data", data, "--seed", seed]
    assert run("lookup", *files, *table) == 0
    return out


def test_a_found_cell_has_its_true_accuracy_and_its_standing(tmp_path, table, space, cells):
    found = architecture(tmp_path / "architecture.json", space, cells[15])
    report = json.loads(lookup(tmp_path, table, found).read_text())
    assert (report["accuracy"], report["rank"], report["percentile"]) == (85, 5, 75)
    assert (report["architectures"], report["best_accuracy"], report["isomorphism_class"]) == (20, 89, None)
    assert report["best_architecture"] == space.to_string(cells[19])
    assert not report["learns_nothing"]
    skips = architecture(tmp_path / "skips.json", space, cells[0])
    of_skips = json.loads(lookup(tmp_path, table, skips).read_text())
    assert of_skips["collapsed"]
    assert of_skips["learns_nothing"]


def complaint(capsys, name: str, *arguments) -> str:
    assert run(name, *arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_cell_that_the_table_does_not_have_is_refused(tmp_path, table, space, capsys):
    absent = dict.fromkeys(space.choices, "none")
    found = architecture(tmp_path / "architecture.json", space, absent)
    row = ["--algorithm", "spos", "--search-data", "noise", "--seed", 0, "--out", tmp_path / "out.json"]
    assert "no architecture |none~0|+|none~0" in complaint(capsys, "lookup", "--architecture", found, *row, *table)


def test_an_architecture_of_another_space_is_not_in_the_table(tmp_path, table, capsys):
    options = {"stem_width": 4, "widths": [8], "depths": [1], "strides": [2], "last_width": 8}
    other = make("shufflenet", TASK, options)
    document = describe("shufflenet", options, other, other.sample(random.Random(0)), {})
    write_json(tmp_path / "other.json", document)
    row = ["--algorithm", "spos", "--search-data", "noise", "--seed", 0, "--out", tmp_path / "out.json"]
    line = complaint(capsys, "lookup", "--architecture", tmp_path / "other.json", *row, *table)
    assert f"the table has no architecture {other.to_string(document['choices'])};" in line
    assert "search a space whose architectures the table has" in line


def ranking(path: Path, space, cells, scores, data: str, seed: int) -> Path:
    lines = [
        f"{data},{seed},{space.to_string(cell)},{score},{score - 3},{1 - score},"
        for cell, score in zip(cells, scores, strict=True)
    ]
    path.write_text(
        "search_data,seed,architecture,held_out_accuracy,held_out_likelihood,original_accuracy,with_ranks\n"
        + "\n".join(lines)
        + "\n"
    )
    return path


def test_the_table_of_lookups_has_a_row_for_algorithm_and_data_and_the_yardsticks(tmp_path, table, space, cells):
    found = [architecture(tmp_path / f"{place}.json", space, cells[place]) for place in (0, 10, 19)]
    lookups = [lookup(tmp_path, table, path, "darts", seed) for seed, path in enumerate(found)]
    lookups += [lookup(tmp_path, table, found[2], "spos", seed, "original") for seed in (0, 1)]
    rising = [place / 20 for place in range(20)]
    swapped = [rising[1], rising[0], *rising[2:]]  # one of 190 pairs
    rankings = [
        ranking(tmp_path / f"{seed}.csv", space, cells, scores, "original", seed)
        for seed, scores in enumerate((rising, swapped))
    ]
    out, draws = tmp_path / "lookup.csv", ["--random-draws", "[1, 2]"]
    page = out.with_suffix(".html")
    files = ["--lookups", *lookups, "--rankings", *rankings, "--out", out, "--page", page]
    assert run("tabulate_lookups", *files, *table, *draws) == 0
    with open(out, newline="") as file:
        darts, spos, one, two, optimum = csv.DictReader(file)
    assert (darts["algorithm"], darts["search_data"]) == ("darts", "noise")
    assert (darts["seeds"], darts["learns_nothing"]) == ("3", "1")
    collapsed = sum(judged(space, cells[place])["collapsed"] for place in (0, 10, 19))
    assert darts["collapsed"] == str(collapsed)
    assert (darts["accuracy_mean"], darts["accuracy_min"]) == ("79.667", "70.000")  # of 70, 80 and 89
    assert float(darts["accuracy_std"]) == pytest.approx(np.std([70, 80, 89], ddof=1), abs=1e-3)
    assert (darts["rank_mean"], darts["percentile_mean"], darts["tau_held_out"]) == ("10.3", "48.33", "")
    # One discordant pair takes 2 / 190 from τ, and two ranks that differ by one take 6 · 2 / (20 · 399) from ρ.
    assert float(spos["tau_held_out"]) == pytest.approx(1 - 1 / 190, abs=1e-4)
    assert spos["tau_held_out_likelihood"] == spos["tau_held_out"]
    assert float(spos["rho_held_out"]) == pytest.approx(1 - 6 / (20 * 399), abs=1e-4)
    assert float(spos["tau_original"]) == pytest.approx(-(1 - 1 / 190), abs=1e-4)
    assert (one["algorithm"], one["draws"], one["accuracy_mean"], one["rank_mean"]) == ("random", "1", "79.500", "10.5")
    assert float(two["accuracy_mean"]) == pytest.approx(70 + 19 / 2 + (400 - 1) / (6 * 20), abs=1e-3)
    assert (optimum["algorithm"], optimum["accuracy_mean"], optimum["rank_mean"]) == ("optimum", "89.000", "1.0")
    tied = ranking(tmp_path / "tied.csv", space, cells, [0.5] * 20, "original", 0)
    again = {"out": tmp_path / "again.csv", "page": tmp_path / "again.html", "rankings": tied}
    options = [part for name, path in again.items() for part in (f"--{name}", path)]
    assert run("tabulate_lookups", "--lookups", *lookups, *options, *table, *draws) == 0
    with open(again["out"], newline="") as file:
        assert list(csv.DictReader(file))[1]["rho_held_out"] == ""  # one score for all says nothing of an order
    shown = [re.findall(r"<td[^>]*>([^<]*)</td>", line) for line in page.read_text().splitlines()]
    assert [cells[:5] for cells in shown if cells] == [
        [row["algorithm"], row["search_data"], row["seeds"] or "–", row["draws"] or "–", row["accuracy_mean"]]
        for row in (darts, spos, one, two, optimum)
    ]
    picture = tmp_path / "rankings.png"
    assert run("draw_rankings", "--rankings", *rankings, "--out", picture, *table) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


HEADER = "search_data,seed,architecture,held_out_accuracy,held_out_likelihood,original_accuracy,with_ranks\n"


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("", "has no column 'search_data'"),
        ("search_data,seed,architecture\nnoise,0,x\n", "has no column 'held_out_accuracy'"),
        (HEADER, "is not a ranking of architectures"),
        (HEADER + "noise,0,x,high,1,1,\n", "row 1: has \"high\" for 'held_out_accuracy', expected a number"),
    ],
)
def test_what_is_no_ranking_is_refused(tmp_path, table, text, story, capsys):
    (tmp_path / "ranking.csv").write_text(text)
    files = ["--rankings", tmp_path / "ranking.csv", "--out", tmp_path / "out.png"]
    line = complaint(capsys, "draw_rankings", *files, *table)
    assert "ranking.csv" in line
    assert story in line


def data_set(path: Path, images, first_test: int = 0) -> Path:
    """Images as a data set of one shard, a third of them held out; those from `first_test` on are for tests."""
    attributes = {"size": images.size, "mean": [0.5], "std": [0.25], "class_names": ["a", "b", "c"], "source": "noise"}
    attributes["provenance"] = {}
    pixels, targets = images.images.numpy(), images.targets.numpy()
    write_shard(path.with_suffix(".shard.h5"), pixels, targets, attributes)
    split = (np.arange(len(targets)) // 3 % 3 == 0).astype(np.uint8)
    split[first_test or len(split) :] = 2
    records = Records(images.soft_labels.numpy(), targets, np.zeros(len(targets), np.int32), split)
    write_dataset(path, [path.with_suffix(".shard.h5")], records, attributes)
    return path


@pytest.fixture
def searched(tmp_path, space, make_images) -> tuple[SposSearch, list]:
    """A search on a trained supernet, and what the ranking by its supernet is told."""
    from dfnas.dataset.images import load_split

    dataset = data_set(tmp_path / "noise.h5", make_images(54))
    original = data_set(tmp_path / "original.h5", make_images(60, seed=4), first_test=30)
    parts = (load_split(dataset, split, torch.device("cpu")) for split in ("train", "validation"))
    settings = SearchSposSettings.parse(SEARCH)
    context = SearchContext(space, *parts, 1, Budget(space, settings.budget))
    supernet = SposSupernet(context, settings)
    for index in range(supernet.steps):
        supernet.step(index)
    trained = Trained(supernet.network, supernet.strengths(), supernet.report())
    save_supernet(tmp_path / "supernet.pt", *trained, [], {})
    search = SposSearch(context, settings, trained)
    files = ["--supernet", tmp_path / "supernet.pt", "--dataset", dataset, "--original", original]
    return search, [*files, "--search", json.dumps(SEARCH), "--search-data", "noise", "--search-seed", 1]


def test_a_ranking_has_the_scores_of_the_search_that_left_the_supernet(tmp_path, searched, space):
    search, told = searched
    for out in ("ranking.csv", "again.csv"):
        assert run("rank_architectures", *told, "--out", tmp_path / out, "--architectures", 5) == 0
    assert (tmp_path / "ranking.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    with open(tmp_path / "ranking.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    for row in rows:
        assert (row["search_data"], row["seed"]) == ("noise", "1")
        error = search.score(of_cell(row["architecture"]))[0]
        assert float(row["held_out_accuracy"]) == pytest.approx(1 - error, abs=1e-5)
        assert round(float(row["original_accuracy"]) * 30, 3) % 1 == 0  # of 30 test images


def test_a_supernet_of_another_space_is_refused(tmp_path, searched, capsys):
    _, told = searched
    other = json.dumps(SEARCH | {"space": {"name": "nasbench201", "options": OPTIONS | {"channels": 4}}})
    told[told.index("--search") + 1] = other
    line = complaint(capsys, "rank_architectures", *told, "--out", tmp_path / "out.csv")
    assert "supernet.pt is not a supernet of the space that is searched" in line


def test_original_images_of_another_task_are_refused(tmp_path, searched, make_images, capsys):
    _, told = searched
    large = data_set(tmp_path / "large.h5", make_images(60, side=12, size=12), first_test=30)
    told[told.index("--original") + 1] = large
    line = complaint(capsys, "rank_architectures", *told, "--out", tmp_path / "out.csv")
    assert "large.h5 is not; make shard_original agree" in line
