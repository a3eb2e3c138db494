"""The configuration of a project: a preset's text with what the classifier, the machine and the hours change in it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dfnas.doctor.machine import Machine
from dfnas.project.budget import MOST_STEPS, Measured, effort_for, fewest_images
from dfnas.project.classifier import METADATA, Classifier
from dfnas.project.rewriting import Keys, flow, rewritten, values
from dfnas.project.sizes import Preset, nearest, resolutions, scaled

ORDER = ("weights", "weights_key", "builder", "arguments", "classes", "channels", "size", "mean", "std", "class_names")
SECTION = "comparison:\n"
"""With which the sections of a preset begin, behind what it says of itself."""
LEAST_STEPS = 1 / 2
"""Share of the preset's steps of the inversion below which images are not worth their time."""


@dataclass(frozen=True)
class Draft:
    """A configuration in the making."""

    classifier: Classifier
    preset: Preset
    results: str
    originals: dict[str, Any]
    """The section `shard_original`."""
    device: str
    changes: Mapping[Keys, Any] = field(default_factory=dict)
    """What differs from the preset."""

    def changed(self, changes: Mapping[Keys, Any]) -> "Draft":
        """With more changes."""
        return replace(self, changes={**self.changes, **changes})

    def said(self, *keys: str) -> Any:
        """A value of it."""
        if keys in self.changes:
            return self.changes[keys]
        value: Any = values(self.preset.text)
        for key in keys:
            value = value[key]
        return value

    def text(self, head: str) -> str:
        """The file, below some lines of comment."""
        body = SECTION + rewritten(self.preset.text, self.changes).partition(f"\n{SECTION}")[2]
        teacher, sources = self.classifier.section, self.classifier.sources
        keys = [key for key in ORDER if key in teacher and not (key == "class_names" and sources.get(key) == METADATA)]
        notes = {key: f" # {sources[key]}" if key in sources else "" for key in keys}
        lines = [f"  {key}: {flow(teacher[key])}{notes[key]}" for key in keys]
        originals = [f"  {key}: {flow(value)}" for key, value in self.originals.items()]
        about = (
            "# There are none. To have a test accuracy, describe original images here, which are used for nothing else."
        )
        parts = [head, f"results_dir: {flow(self.results)}\ndevice: {self.device}\n"]
        parts += ["\n".join(["# The classifier, and where each line is known from.", "teacher:", *lines, ""])]
        none = self.originals["source"] == "none"
        parts += ["\n".join([*([about] if none else []), "shard_original:", *originals, ""])]
        return "\n".join([*parts, body])


def first_draft(
    root: Path, classifier: Classifier, results: str, originals: dict[str, Any], machine: Machine, **options: Any
) -> Draft:
    """The preset's sizes, as the classifier and the machine need them.

    Args:
        root: of the checkout.
        results: folder of the results.
        options: `flip`, whether mirrored images are of the same class, and `device`.
    """
    spec = classifier.teacher.spec
    preset = nearest(root, spec.size)
    draft = Draft(classifier, preset, results, originals, options["device"])
    changes = scaled(preset, spec.size, options["flip"])
    stages = draft.said("invert_teacher", "stages")
    takes = [stage["downscale"] for stage in stages if stage["downscale"] == 1 or classifier.takes(stage["downscale"])]
    if len(takes) < len(stages):
        changes["invert_teacher", "stages"] = resolutions(stages, takes)
    if not machine.has_bfloat16(options["device"]):
        said = values(preset.text).items()
        changes |= {(name, "precision"): "float32" for name, keys in said if "precision" in (keys or {})}
    if not classifier.has_norms:
        changes["invert_teacher", "feature_weight"] = 0.0
        changes["retrain_synthetic", "teacher_statistics"] = "stored"
    if originals["source"] != "none":
        changes["comparison", "retrain_data"] = ["synthetic", "original"]
    shards = max(1, min(8, len(machine.gpus) if machine.uses_gpu(options["device"]) else machine.whole_cores))
    changes["synthesis", "shards"] = shards
    return _with_whole_batches(draft.changed(changes))


def fitted(draft: Draft, measured: Measured, hours: float) -> tuple[Draft, float]:
    """The draft with as much as fits into some hours, and the seconds that this takes."""
    images = draft.said("synthesis", "images")
    effort = effort_for(measured, hours, least_images(draft) / images)
    steps = 1.0
    while measured.seconds(effort, steps) > 3600 * hours and steps > LEAST_STEPS:
        steps = max(LEAST_STEPS, 0.9 * steps)
    batch, together = draft.said("invert_teacher", "batch_size"), batches_together(draft)
    even = math.ceil(effort * images / together) * together  # as many batches for each shard, if they fit
    fits = measured.seconds(even / images, steps) <= 3600 * hours
    kept = max(least_images(draft), even if fits else math.floor(effort * images / batch) * batch)
    changes: dict[Keys, Any] = {("synthesis", "images"): kept}
    if steps < 1:
        stages = draft.said("invert_teacher", "stages")
        changes["invert_teacher", "stages"] = [s | {"steps": max(15, round(steps * s["steps"]))} for s in stages]
    wanted = draft.said("search_spos", "steps")
    changes["search_spos", "steps"] = max(20, round(min(kept / images, MOST_STEPS) * wanted / 10) * 10)
    memory = math.ceil(1.25 * measured.memory_mb / 500) * 500
    resources = draft.said("resources", "default")
    longest = max(60, 4 * hours * 60)
    changes["resources", "default"] = resources | {"mem_mb": memory, "runtime": math.ceil(longest / 60) * 60}
    return draft.changed(changes), measured.seconds(kept / images, steps)


def least_images(draft: Draft) -> int:
    """See `budget.fewest_images`."""
    synthesis, batch = draft.said("synthesis"), draft.said("invert_teacher", "batch_size")
    shards, classes = draft.said("synthesis", "shards"), draft.classifier.teacher.spec.classes
    return fewest_images(classes, synthesis["generations"], batch, shards)


def batches_together(draft: Draft) -> int:
    """Images of a batch of every shard: what a generation has a multiple of, so that no shard waits for another."""
    return draft.said("invert_teacher", "batch_size") * draft.said("synthesis", "shards")


def smaller(draft: Draft) -> Draft:
    """With batches of half the size, for want of memory."""
    changes: dict[Keys, Any] = {}
    for section in ("invert_teacher", "search_spos", "retrain", "calibrate_labels", "assess_images", "evaluate"):
        changes[section, "batch_size"] = max(8, draft.said(section, "batch_size") // 2)
    return _with_whole_batches(draft.changed(changes))


def _with_whole_batches(draft: Draft) -> Draft:
    """With about the preset's number of images, as many batches for each shard, or the least that do."""
    together = batches_together(draft)
    whole = max(1, round(values(draft.preset.text)["synthesis"]["images"] / together)) * together
    return draft.changed({("synthesis", "images"): max(least_images(draft), whole)})
