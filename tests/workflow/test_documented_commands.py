"""What a reader is told to type is typed here: the commands of the tutorial and of the everyday tasks, at small size.

They run in a checkout with a finished run of the reduced configuration, which its profile lays over config.yaml, so
that nothing takes long. The files that the tutorial makes are taken away first. Where a page says `mine.yaml`, which
would be another run, the command is planned and not run.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import REDUCED, ROOT, copy_sources

pytestmark = pytest.mark.slow

BLOCK = re.compile(r"^```(sh|python|yaml title=\"[\w.]+\")\n(.*?)^```", re.MULTILINE | re.DOTALL)
MADE_BY_THE_TUTORIAL = (
    "table1.csv",
    "pictures/synthetic/images.png",
    "search/spos/synthetic/seed-0/search.png",
)
SMALLER = {"generation-2": "generation-1", "16, 16": "8, 8"}
"""What the tutorial says of the default's last generation and of its images, and what the reduced configuration has."""
ENVIRONMENT_IS_READY = "ready"
"""What stands for make's own mark of an environment that is newer than its pins."""
THE_ENVIRONMENT = ". .venv/bin/activate"
"""The only command that is not run: the tests are in an environment already."""


@pytest.fixture(scope="module")
def checkout(finished, tmp_path_factory) -> Path:
    """Sources whose profile makes everything small, and a finished run."""
    folder = copy_sources(tmp_path_factory.mktemp("checkout") / "dfnas")
    shutil.copytree(finished.directory, folder, dirs_exist_ok=True)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / ENVIRONMENT_IS_READY).touch()
    profile = folder / "profiles" / "default" / "profile.yaml"
    profile.write_text(f"{profile.read_text()}configfile: {REDUCED}\n")
    shutil.copytree(folder / "results", folder / "mine" / "results")
    (folder / "mine.yaml").write_text("results_dir: mine/results\n")
    for name in MADE_BY_THE_TUTORIAL:
        (folder / "results" / name).unlink()
    return folder


def call(checkout: Path, line: str) -> str:
    """Runs a line as a shell does and returns what it printed. Fails where it fails."""
    if line.startswith("make "):
        line = recipe(checkout, line)
    line = line.replace("--configfile ", f"--configfile {REDUCED} ")  # which the profile's would give way to
    if "mine.yaml" in line:
        line += " --dry-run"
    places = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(places), "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        ["bash", "-c", line], cwd=checkout, env=environment, capture_output=True, text=True, timeout=2400
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout + done.stderr


def recipe(checkout: Path, line: str) -> str:
    """What make would run, the environment aside."""
    said = subprocess.run(
        [*shlex.split(line), "--dry-run", "--no-print-directory", f"READY={ENVIRONMENT_IS_READY}"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = said.replace("\\\n", " ").strip().splitlines()
    return " && ".join(re.sub(r'^PATH="[^"]*" ', "", line) for line in lines)


def test_the_tutorial(checkout):
    page = (ROOT / "docs" / "tutorial.md").read_text()
    for ours, small in SMALLER.items():
        assert ours in page
        page = page.replace(ours, small)
    said = []
    for kind, content in BLOCK.findall(page):
        if kind.startswith("yaml"):
            (checkout / kind.split('"')[1]).write_text(content)
        elif kind == "python":
            said.append(call(checkout, f"{shlex.quote(sys.executable)} -c {shlex.quote(content)}"))
        else:
            said += [call(checkout, line) for line in content.splitlines() if line != THE_ENVIRONMENT]
    for name in (*MADE_BY_THE_TUTORIAL, "report.html"):
        assert (checkout / "results" / name).stat().st_size > 0, name
    table, again, _, labels, _, _, _, classes, plan, verified = said
    assert "table1" in table
    assert "Nothing to be done" in again
    assert '"agreement"' in labels
    assert re.search(r"^tensor\(\[\d, \d\]\)$", classes, re.MULTILINE)
    jobs = re.search(r"^job +count\n-[- ]+\n(.*?)^total", plan, re.MULTILINE | re.DOTALL).group(1)
    rules = {line.split()[0] for line in jobs.splitlines()}
    assert {"search_spos", "retrain", "table1"} <= rules
    assert not {rule for rule in rules if rule.startswith(("invert", "supernet", "pretrain", "search_darts"))}
    assert "Everything belongs together" in verified


def commands(page: str) -> list[str]:
    """The lines of a page's indented blocks, without comments."""
    text = re.sub(r"^```.*?^```", "", (ROOT / "docs" / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = (line.partition(" #")[0].strip() for line in re.findall(r"^    (\S.*)$", text, re.MULTILINE))
    return [line for line in lines if line.startswith(("snakemake", "dfnas", "make"))]


@pytest.mark.parametrize("line", commands("tasks.md"))
def test_everyday_tasks(checkout, line):
    assert call(checkout, line)
