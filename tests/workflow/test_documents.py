"""Generated pages are what the settings say, the README keeps its promises, and links lead somewhere."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dfnas.commands.main import COMMANDS
from dfnas.rules import RULES
from dfnas.settings.config import Config
from dfnas.settings.document import reference, schema
from dfnas.spaces.names import NAMES

ROOT = Path(__file__).parents[2]


def test_reference_page_is_that_of_the_settings():
    assert (ROOT / "docs" / "configuration.md").read_text() == reference(), "run `make reference`"


def test_schema_is_that_of_the_settings():
    assert (ROOT / "workflow" / "schemas" / "config.schema.json").read_text() == schema(), "run `make reference`"


def test_every_setting_is_explained():
    for name, field in Config.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for kind in kinds:
            for key, inner in getattr(kind, "model_fields", {}).items():
                assert inner.description, f"{name}.{key}"


README = (ROOT / "README.md").read_text()
PAGES = sorted((ROOT / "docs").glob("*.md"))
TABLE = re.compile(r"<!-- table 1 -->\n(.*?)<!-- end -->", re.DOTALL)


def test_readme_is_read_in_five_minutes():
    assert len(README.splitlines()) <= 100


@pytest.mark.parametrize(
    ("page", "command"),
    [
        ("README.md", "make table1"),
        ("README.md", "make report"),
        ("README.md", "dfnas init mine"),
        ("README.md", "dfnas try mine/config.yaml"),
        ("README.md", "dfnas run deploy"),
        ("docs/tasks.md", "snakemake --cores 8 results/table1.csv"),
        ("docs/tasks.md", "snakemake --report results/report.html"),
        ("docs/tasks.md", "dfnas verify results"),
    ],
)
def test_pages_name_the_commands(page, command):
    assert re.search(rf"^ +{re.escape(command)}\b", (ROOT / page).read_text(), re.MULTILINE)


def test_the_table_has_every_row_of_the_default_and_the_tutorial_shows_the_same():
    (table,) = TABLE.findall(README)
    rows = [tuple(cell.strip() for cell in line.strip("| ").split("|")[:3]) for line in table.splitlines()[2:]]
    comparison = yaml.safe_load((ROOT / "config.yaml").read_text())["comparison"]
    on_data = [name for name in comparison["algorithms"] if name != "random"]
    expected = [(name, data) for name in on_data for data in comparison["search_data"]]
    assert [(name, data) for name, _, data in rows] == [("teacher", "–"), *expected, ("random", "–")]
    assert TABLE.findall((ROOT / "docs" / "tutorial.md").read_text()) == [table]


def headings(text: str) -> set[str]:
    """The anchors of a page, as sites and hosts make them of its headings."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", title) for title in re.findall(r"^#+ (.*)$", outside, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.name)
def test_links_between_the_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        place = page.parent / path if path else page
        assert place.exists(), f"{page.name} -> {target}"
        if anchor:
            assert anchor in headings(place.read_text()), f"{page.name} -> {target}"


def test_every_rule_of_the_chain_is_explained():
    text = (ROOT / "docs" / "files.md").read_text()
    assert [rule for rule in RULES if f"`{rule}`" not in text] == []


def test_every_command_is_explained():
    text = (ROOT / "docs" / "commands.md").read_text()
    assert [name for name in COMMANDS if f"`dfnas {name}" not in text] == []
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [name for name in targets if f"`make {name}`" not in text] == []


def calls_of_dfnas() -> list[tuple[str, str]]:
    """Every line in the code of a page that calls `dfnas`, without its comment: its command, and the line."""
    found = set()
    for page in (ROOT / "README.md", *PAGES):
        text = re.sub(r"\\\n +", "", page.read_text())
        code = [*re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL), *re.findall(r"^ {4}.*$", text, re.M)]
        lines = (line.partition(" #")[0].strip() for line in "\n".join(code).splitlines())
        found |= {(line.split()[1], line) for line in lines if re.match(r"dfnas [a-z]", line)}
    return sorted(found)


@pytest.fixture(scope="module")
def help_texts() -> dict[str, str]:
    """What each command says of itself."""
    command = [sys.executable, "-m", "dfnas"]
    return {
        name: subprocess.run([*command, name, "--help"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
        for name in COMMANDS
    }


@pytest.mark.parametrize(("name", "line"), calls_of_dfnas())
def test_documented_calls_have_options_that_the_command_knows(name, line, help_texts):
    assert name in COMMANDS, line
    options = [word.partition("=")[0] for word in shlex.split(line) if word.startswith("--")]
    assert [option for option in options if option not in help_texts[name]] == []


def navigation(entries: list) -> list[str]:
    """The files of a navigation, in order."""
    below = [value for entry in entries for value in entry.values()]
    return [page for value in below for page in ([value] if isinstance(value, str) else navigation(value))]


def test_the_site_shows_every_page_once():
    shown = navigation(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    of_the_root = ["index.md", "contributing.md", "changelog.md"]
    assert sorted(shown) == sorted([*of_the_root, *(page.name for page in PAGES)])


@pytest.mark.parametrize("page", ["python.md", "spaces.md"])
def test_what_the_reference_of_python_names_is_there(page):
    text = (ROOT / "docs" / page).read_text()
    names = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert names
    for name in names:
        module, _, item = name.rpartition(".")
        assert getattr(importlib.import_module(module), item).__doc__, name
    if page == "spaces.md":
        assert {f"{name}: {place}" for name, place in NAMES.items()} == {
            f"{name}: {place}" for name, place in re.findall(r"^\| `(\w+)` \|.*`(dfnas\.\S+)` \|$", text, re.MULTILINE)
        }
