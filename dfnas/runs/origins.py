"""What made a run: its settings, and the packages and devices it ran with.

Settings are those that the artifacts themselves name, since some may be older than the last call; where no artifact
names a setting, the record of that call does.
"""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from dfnas.artifacts.formats import provenance_of
from dfnas.artifacts.provenance import Provenance
from dfnas.artifacts.run_record import RunRecord
from dfnas.runs.folder import RECORD, RunFolder
from dfnas.runs.sheets import Key, Sheet, flattened
from dfnas.settings.sources import SYNTHETIC, SourceSettings, training_section

ARTIFACTS = (
    "teacher/teacher.pt",
    "networks/*.pt",
    "dataset/*.h5",
    "synthesis/*/*/*.h5",
    "labels/*/*.h5",
    "latency_tables/*.json",
    "search/*/*/*/architecture.json",
    "retrain/*/*/*/*/model.pt",
)
"""Files that say what made them."""
PLACES = ("results_dir",)
"""Settings that name places, in which nothing that is made shows."""
STATED = ("dfnas", "torch", "code", "device", "processes")
"""What an artifact says of the code and the machine that made it."""


class Origin(NamedTuple):
    """What one artifact says."""

    section: str
    """Of the configuration, that made it."""
    provenance: Provenance


def origins_of(run: RunFolder) -> list[Origin]:
    """What every artifact of a run says. Raises InputError where one is damaged."""
    origins = []
    for path in (path for pattern in ARTIFACTS for path in run.files(pattern)):
        parts = run.parts(path)
        provenance = provenance_of(path)
        if provenance:
            origins.append(Origin(section_of(provenance.stage, parts), provenance))
    return origins


def record_of(run: RunFolder) -> RunRecord:
    """The record of the last call that ran anything; empty where it left none."""
    path = run.file(RECORD)
    return RunRecord.read(path) if path else RunRecord(configuration={}, packages={})


def settings_of(origins: Iterable[Origin], configuration: dict[str, Any]) -> Sheet:
    """Settings by section. A setting in which artifacts differ has all of its values, in a list under `several`."""
    found: dict[str, dict[str, list[Any]]] = {}
    for section, provenance in origins:
        _note(found, section, provenance.settings)
        if provenance.stage == "pretrain_teacher":
            _note(found, "teacher", json.loads(provenance.arguments["teacher"]))
    stated = {name: dict.fromkeys(values) for name, values in found.items()}
    for section, settings in sections_of(configuration):
        _note(found, section, {name: value for name, value in settings.items() if name not in stated.get(section, ())})
    return {
        (section,): {name: several[0] if len(several) == 1 else {"several": several} for name, several in keys.items()}
        for section, keys in found.items()
    }


def machine_of(origins: Iterable[Origin], packages: dict[str, str]) -> Sheet:
    """Code and device by section, and the versions of the packages."""
    found: dict[str, dict[str, list[Any]]] = {}
    for section, provenance in origins:
        said = provenance.plain()
        _note(found, section, {name: said[name] for name in STATED if name in said})
    sheet: dict[Key, dict[str, str]] = {
        (name,): {key: ", ".join(map(str, several)) for key, several in keys.items()} for name, keys in found.items()
    }
    if packages:
        sheet["packages",] = packages
    return sheet


def section_of(stage: str, parts: tuple[str, ...]) -> str:
    """The section behind an artifact, as the configuration names it; one of a data set's own has its name before it.

    Args:
        stage: that made it.
        parts: its place in the folder of results.
    """
    folder, name = parts[0], "".join(parts[1:2]).partition(".")[0]
    if stage == "retrain":
        return training_section(parts[3])
    if stage == "import_teacher":
        return name if folder == "networks" else "teacher"
    return f"sources.{name}.{stage}" if stage in SourceSettings.model_fields and name != SYNTHETIC else stage


def sections_of(configuration: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """The sections of a configuration, each flattened; those of a source by themselves, single keys under their own
    name."""
    for name, value in configuration.items():
        if name == "sources":
            inner = (
                (f"sources.{source}.{key}", part) for source, parts in value.items() for key, part in parts.items()
            )
            yield from ((section, flattened(part)) for section, part in inner)
        elif name not in PLACES and value is not None:
            yield name, flattened(value)


def _note(found: dict, section: str, values: dict[str, Any]) -> None:
    keys = found.setdefault(section, {})
    for name, value in flattened(values).items():
        several = keys.setdefault(name, [])
        if value not in several:
            several.append(value)
