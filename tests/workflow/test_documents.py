"""What is written from the settings is what the settings say, and the README keeps its promises."""

import re
from pathlib import Path

import pytest

from dfnas.rules import RULES
from dfnas.settings.config import Config
from dfnas.settings.document import reference, schema

ROOT = Path(__file__).parents[2]


def test_reference_page_is_that_of_the_settings():
    assert (ROOT / "docs" / "configuration.md").read_text() == reference(), "run `make docs`"


def test_schema_is_that_of_the_settings():
    assert (ROOT / "workflow" / "schemas" / "config.schema.json").read_text() == schema(), "run `make docs`"


def test_every_setting_is_explained():
    for name, field in Config.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for kind in kinds:
            for key, inner in getattr(kind, "model_fields", {}).items():
                assert inner.description, f"{name}.{key}"


@pytest.mark.parametrize(
    "command",
    [
        "make table1",
        "make report",
        "make test",
        "snakemake --cores 8 results/table1.csv",
        "snakemake --cores 8 --report results/report.html --report-after-run",
        "pytest",
    ],
)
def test_readme_names_the_commands(command):
    assert re.search(rf"^ +{re.escape(command)}\b", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_links_between_the_pages_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"


def test_readme_explains_every_rule_of_the_chain():
    text = (ROOT / "README.md").read_text()
    assert [rule for rule in RULES if f"`{rule}`" not in text] == []
