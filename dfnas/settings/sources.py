"""Settings of the synthetic data sets: the one that the base sections describe, and others that differ from it; and how
sections are laid over others."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from dfnas.settings.base import Settings
from dfnas.settings.dataset import CalibrateLabelsSettings, ShardDatasetSettings, SynthesisSettings
from dfnas.settings.invert_teacher import InvertTeacherSettings

ORIGINAL, SYNTHETIC, NO_DATA = "original", "synthetic", "none"
RESERVED = (ORIGINAL, SYNTHETIC, NO_DATA, "teacher")
"""Names that mean something else where a data set could be named."""

Data = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""A data set by its name, which is also that of its folders."""


class SourceSettings(Settings):
    """What makes a synthetic data set of its own, under a name of its own in `sources`. What is not said here is as in
    the section of the same name at the top level; those describe the data set `synthetic`."""

    synthesis: SynthesisSettings = SynthesisSettings()
    """How much is made."""
    invert_teacher: InvertTeacherSettings = InvertTeacherSettings()
    """How images are made. With `stages: []` they are its `start`."""
    calibrate_labels: CalibrateLabelsSettings = CalibrateLabelsSettings()
    """How the teacher labels them."""
    shard_dataset: ShardDatasetSettings = ShardDatasetSettings()
    """How they are split."""


def training_section(data: str) -> str:
    """The section that says how networks are trained on a data set."""
    return "retrain" if data == ORIGINAL else "retrain_synthetic"


def lay_over_base(values: Any) -> Any:
    """A configuration, as plain values, in which sections that say what is different say everything: every source and
    every variant of a search, its own keys laid over those of the base sections, and `retrain_synthetic`, over those of
    `retrain` unless it names a recipe of its own. What is not of the expected form stays as it is, for the validation
    to complain of."""
    if not isinstance(values, Mapping):
        return values
    laid = {}
    if isinstance(values.get("sources"), Mapping):
        laid["sources"] = {name: _complete(source, values) for name, source in values["sources"].items()}
    if isinstance(values.get("variants"), Mapping):
        laid["variants"] = {name: _varied(variant, values) for name, variant in values["variants"].items()}
    if "retrain" in values:
        own = values.get("retrain_synthetic") or {}
        named = isinstance(own, Mapping) and own.get("recipe") is not None
        laid["retrain_synthetic"] = own if named else _laid_over(values["retrain"], own)
    return {**values, **laid}


def _complete(source: Any, values: Mapping[str, Any]) -> Any:
    if source is None:
        source = {}  # `name:` without anything behind it
    if not isinstance(source, Mapping):
        return source
    base = {section: values[section] for section in SourceSettings.model_fields if section in values}
    laid = {section: _laid_over(base[section], source[section]) for section in base if section in source}
    return {**base, **source, **laid}


def _varied(variant: Any, values: Mapping[str, Any]) -> Any:
    if not isinstance(variant, Mapping):
        return {} if variant is None else variant
    return {name: _laid_over(values.get(name), section) for name, section in variant.items()}


def _laid_over(base: Any, section: Any) -> Any:
    """A section, or a section inside it, over its base, key by key."""
    if not (isinstance(base, Mapping) and isinstance(section, Mapping)):
        return section
    return {**base, **{key: _laid_over(base.get(key), value) for key, value in section.items()}}
