"""From the files of a configuration, laid over each other, to a checked `Config`, before anything is planned."""

import ast
import copy
import csv
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from snakemake.utils import update_config

from dfnas.classifiers.metadata import complete
from dfnas.classifiers.names import KINDS, code_of
from dfnas.runtime import paths
from dfnas.runtime.code_digest import check_python
from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import split_reference
from dfnas.runtime.plain_values import check_plain
from dfnas.settings.algorithms import EXPECTED
from dfnas.settings.algorithms import NAMES as ALGORITHMS
from dfnas.settings.algorithms import reference as algorithm_reference
from dfnas.settings.base import sections_in
from dfnas.settings.config import Config
from dfnas.settings.sources import ORIGINAL, SYNTHETIC
from dfnas.settings.teacher import TeacherSettings
from dfnas.spaces.names import NAMES, NOTATION, NOTATIONS, is_written, reference

# Sections that describe a classifier of the user's.
CLASSIFIERS = tuple(n for n, field in Config.model_fields.items() if TeacherSettings in sections_in(field.annotation))
# Settings of a search that mean something in its space alone.
OF_A_SPACE = ("space", "budget")
# The settings of `lookup` that name a column of its table.
TABLE_COLUMNS = ("column", "architecture_column", "class_column")


def load(values: Mapping[str, Any], overlay: Mapping[str, Any]) -> Config:
    """The configuration that some values mean.

    Args:
        values: as Snakemake has laid its files over each other, key by key.
        overlay: what was laid over `config.yaml`.

    Raises:
        InputError: the configuration says something impossible.
    """
    try:
        check_plain(values, 0)  # YAML's references make much of little, and circles
    except ValueError as error:
        raise InputError(f"it {error}; write it without references (&, *)") from error
    config = Config.parse(_completed(_without_strangers(values, overlay)))
    _check_originals(config, overlay)
    _check_reference(config, overlay)
    _check_names(config)
    _check_table(config)
    return config


def laid_over_each_other(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Several files of a call as one overlay, the later over the earlier, key by key; one that names its own builder,
    space or recipe inherits nothing of an earlier one's for it."""
    overlay: dict[str, Any] = {}
    for layer in layers:
        overlay = {name: value for name, value in overlay.items() if name not in _replaced(layer)}
        judge = [("judge_images", ("arguments",))] if _names(layer.get("judge_images"), "builder") else []
        for section, keys in [(search, OF_A_SPACE) for search in _replaced_spaces(layer)] + judge:
            if isinstance(overlay.get(section), Mapping):
                overlay[section] = {name: value for name, value in overlay[section].items() if name not in keys}
        update_config(overlay, copy.deepcopy(layer))
    return overlay


def expanded(key: str, path: str | None) -> str | None:
    """A path of the configuration with its environment variables and `~` replaced.

    Raises:
        InputError: one of them is not set; or see `checked_path`.
    """
    if not path:
        return None
    return checked_path(key, paths.normalised(path, key))


def results_folder(path: str) -> str:
    """The folder that `results_dir` names.

    Raises:
        InputError: see `expanded`; or it is the working directory itself, or below a file.
    """
    folder = expanded("results_dir", path)
    if folder in (None, "."):
        raise InputError(f"results_dir = '{path}': expected a folder of its own, such as results")
    place = next((place for place in (Path(folder), *Path(folder).parents) if os.path.lexists(place)), Path())
    if not place.is_dir():
        raise InputError(f"results_dir = '{path}': {place} is there and no folder; name another, or move it away")
    return folder


def checked_path(key: str, path: str) -> str:
    """A path that Snakemake and the stages' command lines take as it is, spaces, quotes and other alphabets included.

    Raises:
        InputError: it begins like an option, or has what Snakemake takes for wildcards, or what no line can hold.
    """
    if path.startswith("-") or not path.isprintable() or set(path) & set("{}"):
        raise InputError(
            f"{key} = {path!r}: a path must not begin with '-' (write ./ before it) nor have braces, line breaks or "
            "other control characters in it; name it otherwise"
        )
    return path


def _without_strangers(values: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, without what it inherited for another builder, space or recipe than the one it names.

    Laid over `config.yaml` key by key, a file that names its own space would keep the sizes and the limits of ours
    beside its own, and one that names a recipe would train by ours. One that names a trained classifier would be
    measured on our digits.
    """
    cleaned = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    for section in _replaced(overlay):
        cleaned[section] = overlay[section]
    if _names(overlay.get("judge_images"), "builder"):
        cleaned["judge_images"]["arguments"] = overlay["judge_images"].get("arguments", {})
    for search in _replaced_spaces(overlay):
        cleaned[search] = {key: value for key, value in cleaned[search].items() if key not in OF_A_SPACE}
        cleaned[search] |= {key: overlay[search][key] for key in OF_A_SPACE if key in overlay[search]}
    return _without_our_images(cleaned, overlay)


def _without_our_images(values: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, where an overlay that names a trained classifier does not inherit our digits: there are then
    no original images, and rows on them that it did not ask for are left out."""
    if "shard_original" not in overlay and _is_imported(overlay) and _names(overlay["teacher"], "builder"):
        values["shard_original"] = {"source": "none"}
    section, comparison = values.get("shard_original"), values.get("comparison")
    if not (isinstance(section, Mapping) and section.get("source") == "none" and isinstance(comparison, Mapping)):
        return values
    given = overlay.get("comparison")
    said = given if isinstance(given, Mapping) else {}
    for key in ("search_data", "retrain_data"):
        if key in said:
            continue
        kept = [data for data in comparison.get(key, ()) if data != ORIGINAL]
        values["comparison"] = dict(values["comparison"]) | {key: kept or [SYNTHETIC]}
    return values


def _is_imported(overlay: Mapping[str, Any]) -> bool:
    return isinstance(overlay.get("teacher"), Mapping) and bool(overlay["teacher"].get("weights"))


def _names(section: Any, key: str) -> bool:
    return isinstance(section, Mapping) and section.get(key) is not None


def _replaced(overlay: Mapping[str, Any]) -> list[str]:
    """The sections that an overlay replaces: those of classifiers whose builder it names, and `retrain` where it names
    a recipe."""
    recipe = ["retrain"] if _names(overlay.get("retrain"), "recipe") else []
    return [section for section in CLASSIFIERS if _names(overlay.get(section), "builder")] + recipe


def _replaced_spaces(overlay: Mapping[str, Any]) -> list[str]:
    """The searches whose space an overlay names."""
    sections = {name: section for name, section in overlay.items() if name.startswith("search_")}
    return [
        s for s, section in sections.items() if isinstance(section, Mapping) and _names(section.get("space"), "name")
    ]


def _completed(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration, where what a section leaves out of a classifier is taken from its weights' metadata. A network
    beside the teacher has the teacher's task, unless it says otherwise.

    Raises:
        InputError: a builder that leads nowhere, or a classifier of which too little is known.
    """
    for section in CLASSIFIERS:
        if isinstance(values.get(section), Mapping):
            beside = section != "teacher"
            task = {name: values["teacher"][name] for name in ("classes", "channels", "size")} if beside else {}
            settings = TeacherSettings.parse(values[section], section)
            _check_code(f"{section}.builder", settings.builder, code_of, KINDS)
            values = values | {section: complete(settings, section, task).plain()}
    return values


def _check_names(config: Config) -> None:
    """Raises InputError where the name of a space, of an algorithm, or of the student's builder, leads nowhere."""
    _check_code("judge_images.builder", config.judge_images.builder, code_of, KINDS)
    for algorithm in config.comparison.algorithms:
        if algorithm not in ALGORITHMS:
            _check_code("comparison.algorithms", algorithm, lambda name: (algorithm_reference(name),), EXPECTED)
    for rule, section in config.searches().items():
        name = section.space.name
        expected = f"{', '.join(NAMES)}, or your own as module:name or file.py:name"
        _check_code(f"{rule}.space.name", name, lambda name: (reference(name),), expected)


def _check_table(config: Config) -> None:
    """Raises InputError where `lookup` names a column that its table has not, or where its first architecture is not of
    the space that is searched, as far as that can be seen without the space. `cost_table` reads the rest. (A table that
    is not there is Snakemake's to miss.)"""
    lookup = config.lookup
    path = expanded("lookup.table", lookup.table) if lookup else None
    if lookup is None or path is None or not Path(path).is_file():
        return
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = csv.DictReader(file)
        try:
            columns, row = list(rows.fieldnames or ()), next(rows, {})
        except csv.Error as error:
            raise InputError(
                f"lookup.table: {path} is no CSV file ({error}); give one as text, uncompressed"
            ) from error
    further = [("further_columns", name) for name in lookup.further_columns]
    for key, name in (*((key, getattr(lookup, key)) for key in TABLE_COLUMNS), *further):
        if name is not None and name not in columns:
            raise InputError(
                f"lookup.{key} = '{name}': {path} has no such column; expected one of {', '.join(columns)}"
            )
    first = row.get(lookup.architecture_column)
    for rule in (f"search_{name}" for name in config.comparison.names):
        space = getattr(config, rule).space.name
        if first and space in NAMES and not is_written(space, first):
            expected = NOTATIONS.get(space, NOTATION)[1]
            raise InputError(
                f"{rule}.space.name = '{space}': {path} does not have its architectures; it has '{first}', expected "
                f"{expected}: search the space of the table, or look up in another"
            )


def _check_code(key: str, name: str, code: Callable[[str], Iterable[str]], expected: str) -> None:
    """Raises InputError where a name of the configuration leads to no code, or to what is not Python."""
    try:
        named = [*code(name)]
        for each in named:
            module, _ = split_reference(each)
            if module.endswith(".py"):
                ast.parse(Path(module).read_bytes(), module)
    except InputError as error:
        raise InputError(f"{key}: {error}; expected {expected}") from None
    except OSError as error:
        raise InputError(f"{key} = '{name}': no file {error.filename} ({error.strerror})") from None
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{key} = '{name}': not Python: {error}") from None
    for each in named:
        if not split_reference(each)[0].endswith(".py"):  # those are read above
            check_python(each)


def _check_reference(config: Config, overlay: Mapping[str, Any]) -> None:
    """Raises InputError where a search was told to learn with milliseconds, and its reference cost is still that of
    `config.yaml`, which counts multiply-accumulates."""
    laid = overlay.get("search_proxyless")
    cost = laid.get("cost") if isinstance(laid, Mapping) else None
    if config.search_proxyless.cost.needs_latency and isinstance(cost, Mapping) and "reference" not in cost:
        raise InputError(
            "search_proxyless.cost.measure = 'latency', and search_proxyless.cost.reference is missing beside it: "
            f"{config.search_proxyless.cost.reference:g} is in millions of multiply-accumulates; say it in milliseconds"
        )


def _check_originals(config: Config, overlay: Mapping[str, Any]) -> None:
    """Raises InputError where the images are to be judged by originals, and none are known: a checkpoint was laid over
    the embedded default, whose original images are those of its own stand-in."""
    if config.comparison.judge_images and _is_imported(overlay) and "shard_original" not in overlay:
        raise InputError(
            "comparison.judge_images = true needs original test images, and there is no section shard_original beside "
            "teacher.weights; describe them there, or leave comparison.judge_images out"
        )
