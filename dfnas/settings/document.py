"""The configuration's reference page and JSON schema, written from the settings themselves: `make reference`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic.fields import FieldInfo

from dfnas.settings.base import Settings, sections_in
from dfnas.settings.config import Config

Explained = Mapping[type[Settings], str]
"""The sections that the page has explained, each with where."""

HEADER = """# Configuration

Written by `make reference` from `dfnas/settings`; do not edit. `config.yaml` is the embedded default, a file given with
`--configfile` is laid over it key by key. The last column is what a section means where neither says anything: the
published value. Unknown keys, wrong types and impossible values are refused before anything runs.
"""


def reference() -> str:
    """The page: a table for each section."""
    plain = {name: field for name, field in Config.model_fields.items() if _section(field) is None}
    parts = [HEADER, _table("Top level", "", plain)]
    explained: dict[type[Settings], str] = {}
    for name, field in Config.model_fields.items():
        section = _section(field)
        if section in explained:
            summary = " ".join((field.description or "").split())
            parts.append(f"## `{name}`\n\n{summary} Optional; its keys are those of `{explained[section]}`.\n")
        elif section is not None:
            explained[section] = name
            parts.append(_table(f"`{name}`", _summary(section), section.model_fields, explained))
            for key, inner in _nested(section):
                if inner not in explained:
                    parts.append(_table(f"`{name}.{key}`", _summary(inner), inner.model_fields))
    return "\n".join(parts)


def schema() -> str:
    """JSON schema of the configuration, for editors."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def _table(title: str, summary: str, fields: dict[str, FieldInfo], explained: Explained = MappingProxyType({})) -> str:
    lines = [
        f"## {title}\n",
        *([f"{summary}\n"] if summary else []),
        "| key | meaning | default |",
        "| --- | --- | --- |",
    ]
    for name, field in fields.items():
        meaning = " ".join((field.description or "see below").split())
        lines.append(f"| `{name}` | {meaning} | {_default(field, explained)} |")
    return "\n".join(lines).replace("||", "\\|\\|") + "\n"


def _default(field: FieldInfo, explained: Explained) -> str:
    place = next((where for section, where in explained.items() if section == field.annotation), None)
    if place is not None:
        return f"see `{place}`"
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True)
    if isinstance(value, Settings):
        return "see below"
    return f"`{json.dumps(value, default=lambda inner: inner.plain())}`"


def _section(field: FieldInfo) -> type[Settings] | None:
    return next(iter(sections_in(field.annotation)), None)


def _nested(section: type[Settings]) -> list[tuple[str, type[Settings]]]:
    found = [(name, _section(field)) for name, field in section.model_fields.items()]
    return [(name, inner) for name, inner in found if inner is not None]


def _summary(section: type[Settings]) -> str:
    return " ".join((section.__doc__ or "").split()) if section.__doc__ != Settings.__doc__ else ""


def main() -> None:
    """Writes both files into a checkout, given as the argument."""
    root = Path(sys.argv[1])
    (root / "docs" / "configuration.md").write_text(reference(), encoding="utf-8")
    (root / "workflow" / "schemas" / "config.schema.json").write_text(schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
