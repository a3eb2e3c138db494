"""`dfnas compare`: what it takes for a difference, what it says of one, and its exit status."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_artifacts import said

from dfnas.artifacts.budgets import BudgetRow
from dfnas.artifacts.lookup import LookupRow
from dfnas.commands.main import COMMANDS, main
from dfnas.measure.bootstrap import paired_difference
from dfnas.runs.folder import RunFolder
from dfnas.runs.origins import origins_of, settings_of
from dfnas.runs.sheets import differences, flattened
from dfnas.runtime.files import save_archive, write_json

PARTS = ("settings", "contents", "architectures", "figures", "lookups", "quality", "machine", "costs")


@pytest.fixture
def runs(made):
    """Two runs of the same content in two places."""
    return made("a").everything(), made("b").everything()


@pytest.fixture
def compared(runs, capsys):
    """compared(): the exit status, and the answer as plain values."""

    def compare() -> tuple[int, dict]:
        status = main(["compare", *(str(run.path) for run in runs), "--json", "--draws", "500"])
        return status, json.loads(capsys.readouterr().out)

    return compare


def text_of(runs, capsys, *options) -> str:
    main(["compare", *(str(run.path) for run in runs), "--draws", "500", *options])
    return capsys.readouterr().out


def changed(found: dict) -> dict[str, list]:
    """The parts in which something differs: whose, what, and the two values."""
    return {
        part: [(change["of"], change["name"], change["first"], change["second"]) for change in found[part]["changes"]]
        for part in PARTS
        if found[part]["changes"] or found[part]["only_first"] or found[part]["only_second"]
    }


def test_runs_of_the_same_content_are_equal_wherever_they_lie(compared):
    status, found = compared()
    assert (status, found["equal"], changed(found), found["rows"]) == (0, True, {}, [])


def test_a_setting_that_an_artifact_states(runs, compared):
    runs[1].architecture(settings={"lr": 0.2})
    status, found = compared()
    assert (status, changed(found)) == (1, {"settings": [(["search_darts"], "lr", 0.1, 0.2)]})


def test_a_setting_of_which_only_the_record_knows(runs, compared):
    runs[1].record(evaluate={"batch_size": 64})
    assert changed(compared()[1]) == {"settings": [(["evaluate"], "batch_size", 256, 64)]}


def test_artifacts_count_for_more_than_the_record_of_a_later_call(runs, compared):
    runs[1].record(search_darts={"lr": 0.3, "space": {"name": "darts", "options": {"cells": 3}}, "schedule": "cosine"})
    assert compared()[0] == 0


def test_artifacts_of_one_run_that_disagree(runs, compared, capsys):
    for run in runs:
        run.architecture(seed=1)
    runs[1].architecture(seed=1, settings={"lr": 0.3})
    assert changed(compared()[1]) == {"settings": [(["search_darts"], "lr", 0.1, {"several": [0.1, 0.3]})]}
    assert "0.1 and 0.3" in text_of(runs, capsys)


def test_a_section_of_which_a_record_has_nothing_new_is_no_difference(runs, compared):
    """The artifacts of both state all that the record of one repeats."""
    for run in runs:
        run.record()
    write_json(runs[0].path / "run.json", {"configuration": {"evaluate": {"batch_size": 256}}, "packages": {}})
    assert "settings" not in changed(compared()[1])


def test_settings_of_another_data_set_stand_under_its_name(runs, compared):
    section = {"shard_dataset": {"seed": 0}}
    runs[0].record(sources={"noise": section})
    runs[1].record(sources={"noise": {"shard_dataset": {"seed": 1}}})
    assert changed(compared()[1]) == {"settings": [(["sources.noise.shard_dataset"], "seed", 0, 1)]}


def test_contents_of_teacher_and_data(runs, compared):
    runs[1].teacher(weight=2.0)
    runs[1].dataset(brightness=10)
    status, found = compared()
    assert status == 1
    assert [change[:2] for change in changed(found)["contents"]] == [
        (["teacher"], "weights"),
        (["dataset", "original"], "images"),
    ]


def test_the_choices_in_which_architectures_differ(runs, compared):
    runs[1].architecture(**{"normal/2-1": "sep_conv_3x3"})
    expected = [(["darts", "original", "seed-0"], "normal/2-1", "none", "sep_conv_3x3")]
    assert changed(compared()[1]) == {"architectures": expected}


def test_rows_have_their_difference_in_points_and_the_bootstrap_of_their_predictions(runs, compared, capsys):
    """The second run errs on 40 images more, which is beyond every doubt."""
    wrong = [range(40), range(42)]
    runs[1].table(runs[1].networks(wrong))
    status, found = compared()
    (row,) = found["rows"]
    assert (status, row["of"]) == (1, ["darts", "darts", "original", "original"])
    assert row["top1_error"] == [2.0, 20.5]
    assert row["points"] == pytest.approx(18.5)
    assert row["beyond_seeds"] is True
    errs = [
        np.array([[image in images for image in range(200)] for images in side]) for side in ((range(4),) * 2, wrong)
    ]
    estimate = paired_difference(errs[1], errs[0], 500, 0).estimate
    assert row["bootstrap"]["estimate"] == pytest.approx(estimate)
    assert row["bootstrap"]["significant"] is True
    text = text_of(runs, capsys)
    assert "the second is 18.50 points worse [" in text
    assert "with 2 seeds and 200 images" in text


def test_one_seed_cannot_tell(runs, compared, capsys):
    for run, wrong in zip(runs, (range(4), range(40)), strict=True):
        shutil.rmtree(run.path / "evaluate")
        run.table(run.networks([wrong]))
    (row,) = compared()[1]["rows"]
    assert row["beyond_seeds"] is None
    figures = ("low", "high", "p_value", "significant")
    assert [row["bootstrap"][name] for name in figures] == [None, None, None, False]
    text = text_of(runs, capsys)
    assert "whether the second is better cannot be told: +18.00 points, with 1 seed and 200 images" in text


@pytest.mark.parametrize(("spread", "beyond"), [(0.4, False), (0.2, True), (0.0, None)])
def test_beyond_the_seeds_is_what_so_few_seeds_can_tell(runs, compared, spread, beyond):
    """Two points, by two seeds each, of which 95 % lie within seven spreads. Seeds that err equally tell nothing."""
    for run, mean in zip(runs, (10.0, 12.0 - 1e-9), strict=True):
        shutil.rmtree(run.path / "evaluate")
        row = (run.path / "table1.csv").read_text().replace("2.000", str(mean)).replace("0.000,", f"{spread},", 1)
        (run.path / "table1.csv").write_text(row)
    (row,) = compared()[1]["rows"]
    assert (row["top1_error_std"], row["beyond_seeds"]) == ([spread, spread], beyond)


def test_networks_that_were_asked_about_other_images_are_not_paired(runs, compared):
    runs[1].networks(targets=torch.zeros(200, dtype=torch.long), wrong=[range(9), range(9)])
    assert compared()[1]["rows"][0]["bootstrap"] is None


def test_errors_on_other_images_alone_are_a_difference(runs, compared):
    """The same number of errors, and so the same table."""
    runs[1].networks(wrong=[(10, 11, 12, 13), (12, 13, 14, 15)])
    status, found = compared()
    assert (status, found["figures"]["changes"], found["rows"][0]["points"]) == (1, [], 0)


def test_a_run_without_its_table_has_the_rows_of_its_networks(runs, compared):
    (runs[1].path / "table1.csv").unlink()
    assert compared()[0] == 0


def test_what_one_run_alone_has(runs, compared, capsys):
    runs[1].networks(data="synthetic")
    runs[1].architecture(seed=5)
    shutil.rmtree(runs[0].path / "quality")
    (runs[0].path / "run.json").unlink()
    status, found = compared()
    assert status == 1
    assert found["figures"]["only_second"] == [["darts", "darts", "synthetic", "original"]]
    assert found["architectures"]["only_second"] == [["darts", "original", "seed-5"]]
    assert found["quality"]["only_second"] == [["synthetic", "generation-0"]]
    assert found["settings"]["only_second"] == [["evaluate"]]
    assert "Only in the second: darts/darts/synthetic/original." in text_of(runs, capsys)


def test_lookups_and_quality(runs, compared):
    for run, accuracy in zip(runs, (93.1, 93.9), strict=True):
        figures = {"accuracy_mean": accuracy, "rank_mean": 9.0, "percentile_mean": 99.0}
        row = LookupRow(algorithm="darts", search_data="original", seeds=1, **figures)
        LookupRow.write(run.path / "lookup.csv", [row])
    status, found = compared()
    assert (status, set(changed(found))) == (1, {"lookups"})
    runs[1].quality(labels={"entropy_nats": 0.2, "top5_mass": 1.0})
    assert changed(compared()[1]) == {
        "lookups": [(["darts", "original", ""], "accuracy_mean", "93.100", "93.900")],
        "quality": [(["synthetic", "generation-0"], "labels.entropy_nats", 0.1, 0.2)],
    }


def test_results_under_budgets(runs, compared):
    limits = {"budget": "15.65 M MACs", "max_macs_m": 15.65, "max_params_m": 0, "max_latency_ms": 0}
    for run, regret in zip(runs, (0.5, 0.75), strict=True):
        found = {"found_by": "search", "algorithm": "spos", "search_data": "synthetic", "accuracy_mean": 90}
        BudgetRow.write(run.path / "budgets.csv", [BudgetRow(column="c10", **limits, **found, regret_mean=regret)])
    key = ["c10", "15.65 M MACs", "spos", "synthetic"]
    assert changed(compared()[1]) == {"lookups": [(key, "regret_mean", "0.5000", "0.7500")]}


def test_clocks_and_machines_make_no_two_runs_different(runs, compared):
    runs[1].costs(search_hours=1)
    runs[1].record(packages={"torch": "2.11.0"})
    status, found = compared()
    assert (status, found["equal"], set(changed(found))) == (0, True, {"machine", "costs"})


def test_costs_that_differ_as_clocks_do_are_counted_and_not_told(runs, capsys):
    runs[0].costs(search_hours=1.0, latency_ms=2.0, search_kwh=0.1)
    runs[1].costs(search_hours=1.05, latency_ms=3.0)
    text = text_of(runs, capsys)
    assert re.search(r"^a/b/c/d +latency_ms +2\.0000 +3\.0000 +\+1$", text, re.MULTILINE)
    assert "search_hours" not in text
    assert "search_kwh" not in text
    assert "Values that differ by less than 10 %: 1; that one run alone has: 1." in text


def test_markdown_has_tables_and_escapes(runs, capsys):
    runs[1].architecture(settings={"lr": 0.2})
    text = text_of(runs, capsys, "--markdown")
    assert "## Settings\n\n| rule | setting | first | second |\n| --- | --- | --- | --- |\n" in text
    assert r"| search\_darts | lr | 0.1 | 0.2 |" in text


@pytest.mark.slow
def test_python_m_dfnas_is_the_command(runs):
    line = [sys.executable, "-m", "dfnas", "compare", *(str(run.path) for run in runs)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing that counts differs" in done.stdout


@pytest.mark.parametrize(
    ("names", "story"),
    [
        (("a", "nowhere"), "no folder nowhere; give a folder of results"),
        (("a", "."), "holds no results of dfnas"),
        (("a", "a", "--draws", "5"), "expected 100 or more"),
    ],
)
def test_trouble_is_one_line_and_status_2(runs, names, story, capsys, monkeypatch):
    monkeypatch.chdir(runs[0].path.parent)
    assert main(["compare", *names]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("dfnas compare: error: ")
    assert story in line


@pytest.mark.parametrize(
    "name", ["teacher/teacher.pt", "dataset/original.h5", "evaluate/darts/original/original/seed-0/metrics.json"]
)
def test_a_damaged_file_is_trouble(runs, name, capsys):
    path = runs[1].path / name
    path.write_bytes(path.read_bytes()[:-40])
    assert main(["compare", *(str(run.path) for run in runs)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: dfnas {name}" in capsys.readouterr().out


def test_an_unknown_command_is_trouble(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["contrast"])
    assert ended.value.code == 2
    assert "contrast" in capsys.readouterr().err


SHEETS = st.dictionaries(st.tuples(st.sampled_from("abc")), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2)))


@given(SHEETS, SHEETS)
def test_differences_are_what_it_takes_to_make_one_sheet_of_the_other(first, second):
    found = differences(first, second)
    assert bool(found) == (first != second)
    made = {key: dict(row) for key, row in first.items() if key not in found.only[0]}
    made |= {key: second[key] for key in found.only[1]}
    for key, column, (_, value) in found.changes:
        made[key][column] = value
    assert {k: {c: v for c, v in row.items() if v is not None} for k, row in made.items()} == second
    assert found.same == sum(key in second and first[key] == second[key] for key in first)


def test_flattening_keeps_every_leaf():
    nested = {"a": {"b": 1, "c": {}}, "d": [{"e": 2}, {"e": 3}], "f": [1, 2]}
    assert flattened({}) == {}
    assert flattened(nested) == {"a.b": 1, "a.c": {}, "d.0.e": 2, "d.1.e": 3, "f": [1, 2]}


def test_trainings_on_synthetic_images_are_of_the_section_of_their_own(tmp_path):
    for data, temperature in (("original", 1.0), ("synthetic", 20.0)):
        provenance = said("retrain", settings={"temperature": temperature})
        path = tmp_path / "retrain" / "spos" / "original" / data / "seed-0" / "model.pt"
        path.parent.mkdir(parents=True)
        save_archive(path, {"provenance": provenance})
    sections = settings_of(origins_of(RunFolder(tmp_path)), {})
    assert sections == {("retrain",): {"temperature": 1.0}, ("retrain_synthetic",): {"temperature": 20.0}}
