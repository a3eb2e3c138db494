"""What a change runs again: exactly the rule that it concerns and what follows from that.

The plans are dry runs on a finished run with 2 generations, 2 shards, 2 seeds and 2 kinds of search data. The
expected numbers of jobs are written out by hand.
"""

import os
import re
import shutil
import subprocess

import pytest
from running import nested, overlay, plan, snakemake

pytestmark = pytest.mark.slow

FIGURES = {"table1": 1, "typeset_table1": 1, "describe_run": 1}
MEASURED = {**FIGURES, "draw_comparison": 1}  # where figures of networks are
TABLE = {"measure_latency": 1, **FIGURES, "model_card": 4}  # every card has the times of its network
NETWORKS = {**TABLE, **MEASURED, "provenance": 1}  # where networks are
COMPARED = {**NETWORKS, "compare_data": 1}  # where networks of which the search data are compared are made anew
# What follows a new random draw, and a new search on two kinds of data, each with two seeds.
DRAWN = {"draw_search": 2, "retrain": 2, "draw_training": 1, "evaluate": 2, "export": 1, **NETWORKS}
FOUND = {**DRAWN, "draw_search": 4, "retrain": 4, "evaluate": 4, **COMPARED}
TRAINED = {"retrain": 14, "draw_training": 4}
ALL_DEPLOYED = {"export": 4, "model_card": 4}
SUPERNETS = ("supernet_darts", "supernet_proxyless", "supernet_spos")
ON_SYNTHETIC = {
    **dict.fromkeys(SUPERNETS, 2),
    "search_darts": 2,
    "search_proxyless": 2,
    "search_spos": 2,
    "draw_search": 6,
    "retrain": 6,
    "draw_training": 3,
    "evaluate": 6,
    "export": 3,
    **COMPARED,
}
FRONT = {"describe_run": 1}  # the report's front page shows pictures
PICTURES = {"assess_images": 2, "draw_images": 1, "describe_run": 1}
LABELLED = {"calibrate_labels": 2, "draw_labels": 1, "shard_dataset": 1}
NEW_IMAGES = {"invert_teacher": 4, **LABELLED, **PICTURES, **ON_SYNTHETIC}
# All are compared with the teacher.
NEW_TEACHER = {"pretrain_teacher": 1, **NEW_IMAGES, "evaluate": 15}
EVERYTHING = {
    "shard_original": 1,
    **NEW_TEACHER,
    **dict.fromkeys(SUPERNETS, 4),
    "search_darts": 4,
    "search_proxyless": 4,
    "search_spos": 4,
    "draw_search": 12,
    "retrain": 14,
    "draw_training": 4,
    **ALL_DEPLOYED,
}
NEW_LABELS = {**NEW_IMAGES, "invert_teacher": 2}  # the second generation aims at the labels of the first

# A checkpoint that is there, on the task of the reduced configuration.
NETWORK = {"weights": __file__, "channels": 1, "size": 8, "mean": [0.3], "std": [0.35]}

SETTINGS = [
    ("resources.default.mem_mb", 3000, {}),
    ("resources.default.runtime", 90, {}),
    ("search_darts.arch_lr", 0.02, {"supernet_darts": 4, "search_darts": 4, **FOUND}),
    ("search_darts.epochs", 2, {"supernet_darts": 4, "search_darts": 4, **FOUND}),
    ("search_darts.budget.max_params_m", 5, {"check_spaces": 1, "search_darts": 4, **FOUND}),
    ("invert_teacher.seed", 1, NEW_IMAGES),
    ("search_proxyless.arch_lr", 0.03, {"supernet_proxyless": 4, "search_proxyless": 4, **FOUND}),
    ("search_spos.steps", 5, {"supernet_spos": 4, "search_spos": 4, **FOUND}),
    # A supernet knows neither budget nor judge, and nothing of the evolution on it.
    ("search_spos.evolution.parents", 3, {"search_spos": 4, **FOUND}),
    ("search_spos.judge_by", "loss", {"search_spos": 4, **FOUND}),
    ("search_spos.budget.max_macs_m", 100, {"check_spaces": 1, "search_spos": 4, **FOUND}),
    (
        "search_random.budget.max_macs_m",
        5,
        {"check_spaces": 1, "search_random": 2, **DRAWN},
    ),
    (
        "search_random.budget.max_latency_ms",
        1000,
        {"check_spaces": 1, "measure_options": 1, "search_random": 2, **DRAWN},
    ),
    ("measure_options.repeats", 3, {}),  # of a table that nobody asked for
    ("retrain.lr", 0.2, {**TRAINED, "evaluate": 14, **ALL_DEPLOYED, **COMPARED}),
    ("evaluate.batch_size", 128, {"evaluate": 15, **MEASURED, "compare_data": 1, "model_card": 4}),
    ("measure_latency.repeats", 3, TABLE),
    ("shard_dataset.seed", 1, {"shard_dataset": 1, **ON_SYNTHETIC}),
    ("calibrate_labels.batch_size", 40, NEW_LABELS),
    ("invert_teacher.lr", 0.4, NEW_IMAGES),
    ("assess_images.columns", 3, PICTURES),
    ("verifier", {**NETWORK, "classes": 10}, {"import_network": 1, "provenance": 1, **PICTURES}),
    ("compare_data.draws", 500, {"compare_data": 1, "describe_run": 1}),
    ("comparison.judge_images", True, {"judge_images": 1}),
    ("judge_images.lr", 0.2, {}),  # of a judgement that nobody asked for
    ("competitor", {**NETWORK, "classes": 10}, {}),
    ("sources", {"noise": {"invert_teacher": {"stages": []}}}, {}),  # that nobody searches on
    ("pretrain_teacher.lr", 0.2, NEW_TEACHER),
    ("teacher.class_names", list("abcdefghij"), NEW_TEACHER),
    ("shard_original.limit", 300, EVERYTHING),
    # The threads of a job are part of its result.
    ("resources.retrain", {"threads": 2}, {**TRAINED, "evaluate": 14, **ALL_DEPLOYED, **COMPARED}),
    # Extensions keep what there is.
    (
        "comparison.seeds",
        [0, 1, 2],
        {
            **dict.fromkeys(SUPERNETS, 2),
            "search_darts": 2,
            "search_proxyless": 2,
            "search_spos": 2,
            "search_random": 1,
            "draw_search": 7,
            "retrain": 7,
            "draw_training": 4,
            "evaluate": 7,
            **ALL_DEPLOYED,
            **COMPARED,
        },
    ),
    ("comparison.retrain_data", ["original", "synthetic"], {**TRAINED, "evaluate": 14, "model_card": 4, **COMPARED}),
    ("comparison.algorithms", ["darts"], {**COMPARED, "model_card": 1}),
    (
        "synthesis.generations",
        3,
        {**NEW_IMAGES, "invert_teacher": 2, "calibrate_labels": 1, "assess_images": 1},
    ),
    ("synthesis.shards", 1, {**NEW_IMAGES, "invert_teacher": 2}),
]


@pytest.mark.parametrize(("key", "value", "expected"), SETTINGS, ids=[f"{key}={value}" for key, value, _ in SETTINGS])
def test_a_setting_reruns_its_rule_and_what_follows(key, value, expected, finished, tmp_path):
    changed = overlay(tmp_path / "changed.yaml", nested(key, value))
    assert plan(finished.directory, configuration=(changed,)) == expected


ALL_RULES = {**EVERYTHING, "check_spaces": 4, "search_random": 2, "draw_search": 14}
CODE = {
    "dfnas/search/darts.py": {"supernet_darts": 4, "search_darts": 4, **FOUND},
    # Which is part of the modules of all three, and of no draw.
    "dfnas/search/evolution.py": {
        **dict.fromkeys(SUPERNETS, 4),
        "search_darts": 4,
        "search_proxyless": 4,
        "search_spos": 4,
        "draw_search": 12,
        "retrain": 12,
        "draw_training": 3,
        "evaluate": 12,
        "export": 3,
        **COMPARED,
    },
    "dfnas/synthesis/regions.py": NEW_IMAGES,
    "dfnas/measure/latency.py": TABLE,
    "dfnas/measure/diversity.py": PICTURES,
    "dfnas/measure/bootstrap.py": {"compare_data": 1, "describe_run": 1},
    "dfnas/measure/calibration.py": {"evaluate": 15, **MEASURED, "compare_data": 1, "model_card": 4},
    "dfnas/pictures/generations.py": {"draw_images": 1, **FRONT},
    "dfnas/pictures/cells.py": {"draw_search": 14, **FRONT},
    "dfnas/pictures/figures.py": {
        "draw_images": 1,
        "draw_labels": 1,
        "draw_comparison": 1,
        "draw_search": 14,
        "draw_training": 4,
        **FRONT,
    },
    "dfnas/pictures/training_curves.py": {"draw_training": 4},
    "dfnas/stages/table1.py": FIGURES,
    "dfnas/tables/latex.py": {"typeset_table1": 1},
    "dfnas/tables/markdown.py": {"typeset_table1": 1, "compare_data": 1, "describe_run": 1, "model_card": 4},
    "dfnas/tables/html.py": {"typeset_table1": 1, "compare_data": 1, "describe_run": 1, "provenance": 1},
    "dfnas/runs/page.py": {},  # of the command, which no rule runs
    "dfnas/stages/draw_images.py": {"draw_images": 1, **FRONT},
    "dfnas/deploy/programs.py": ALL_DEPLOYED,
    "dfnas/stages/model_card.py": {"model_card": 4},
    # A space matters to its searches and to whatever builds found networks.
    "dfnas/spaces/shufflenet.py": {
        "check_spaces": 1,
        "supernet_spos": 4,
        "search_spos": 4,
        **FOUND,
        **TRAINED,
        "evaluate": 15,
        **ALL_DEPLOYED,
    },
    # Everything that reads original images follows, and with it all but the draw of random architectures.
    "dfnas/dataset/originals.py": EVERYTHING,
    "dfnas/runtime/files.py": ALL_RULES,
}


@pytest.fixture(scope="module")
def copied(finished, tmp_path_factory):
    """The sources of the finished run elsewhere: another place alone changes nothing."""
    place = tmp_path_factory.mktemp("copied") / "source"
    return shutil.copytree(finished.source, place, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def source(copied, finished):
    """The same, put right again after the test."""
    yield copied
    for path in finished.source.rglob("*"):
        copy = copied / path.relative_to(finished.source)
        if path.is_file() and "__pycache__" not in path.parts and copy.read_bytes() != path.read_bytes():
            shutil.copy2(path, copy)


@pytest.mark.parametrize("path", CODE)
def test_an_edit_reruns_the_stages_that_import_it_and_what_follows(path, finished, source):
    with open(source / path, "a") as file:
        file.write("\n_EDITED = True\n")
    assert plan(finished.directory, source=source) == CODE[path]


def test_comments_docstrings_and_places_rerun_nothing(finished, source):
    for path in sorted((source / "dfnas").rglob("*.py")):
        text = path.read_text()
        path.write_text(re.sub(r'\A"""', '"""Edited. ', text) + "\n\n# A comment.\n")
    for path in (source / "Snakefile", *sorted((source / "workflow" / "rules").glob("*.smk"))):
        path.write_text("# A comment.\n" + path.read_text())
    assert plan(finished.directory, source=source) == {}


def test_a_label_of_a_drawing_reruns_the_drawings_alone(finished, source):
    """Of the one search on that space: two kinds of data and two seeds."""
    path = source / "dfnas/spaces/shufflenet.py"
    path.write_text(path.read_text().replace('Position("conv 3x3"', 'Position("the stem"'))
    assert plan(finished.directory, source=source) == {"draw_search": 4, **FRONT}


def test_a_touch_reruns_nothing(finished, source, tmp_path):
    """Neither of the sources nor of the results: checksums decide, not dates."""
    run = finished.copy(tmp_path / "run")
    for path in (*source.rglob("*"), *sorted((run / "results").rglob("*"), reverse=True)):
        os.utime(path)
    assert plan(run, source=source) == {}


def test_a_helper_function_reruns_who_imports_it_and_its_comment_and_docstring_nobody(finished, source):
    path = source / "dfnas/search/evolution.py"
    text = path.read_text()
    path.write_text(f'{text}\n\ndef helper(value):\n    """Helps."""\n    return value\n')
    edited = plan(finished.directory, source=source)
    assert edited == CODE["dfnas/search/evolution.py"]
    path.write_text(f"{text}\n\n# Nobody is helped.\n")
    assert plan(finished.directory, source=source) == {}


def test_other_packages_rerun_nothing(finished, source):
    """Versions stand in every artifact's provenance; which of them matter to a result is for people to say."""
    for path in (source / "envs").iterdir():
        path.write_text(path.read_text() + "# numpy of another day\n")
    text = (source / "envs" / "dfnas.yaml").read_text()
    (source / "envs" / "dfnas.yaml").write_text(text.replace("name: dfnas", "name: other"))
    assert plan(finished.directory, source=source) == {}


def test_a_branch_reruns_what_it_changes_and_coming_back_reruns_nothing(finished, source):

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
        subprocess.run(["git", "-C", source, *identity, *arguments], check=True, capture_output=True)

    git("init", "--initial-branch", "main")
    git("add", "--all")
    git("commit", "--message", "as it ran")
    git("checkout", "-b", "other")
    for path in ("dfnas/search/darts.py", "dfnas/measure/latency.py"):
        with open(source / path, "a") as file:
            file.write("\n_EDITED = True\n")
    git("commit", "--all", "--message", "edited")
    assert plan(finished.directory, source=source) == {**CODE["dfnas/search/darts.py"], **TABLE}
    git("checkout", "main")
    shutil.rmtree(source / ".git")
    assert plan(finished.directory, source=source) == {}


def test_a_lost_table_is_made_again_alone(finished, tmp_path):
    run = finished.copy(tmp_path / "run")
    (run / "results" / "table1.csv").unlink()
    assert plan(run, source=finished.source) == FIGURES


def test_the_slurm_profile_plans(finished, tmp_path):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    done = snakemake(
        tmp_path / "run",
        "--workflow-profile",
        finished.source / "profiles" / "slurm",
        "--dry-run",
        source=finished.source,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"^total +106$", done.stdout, re.MULTILINE)
