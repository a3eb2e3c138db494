"""Sizes for a classifier, from those of the preset whose images are the nearest in size to its own.

The presets `small-<side>px` of `workflow/presets` are the only list of sizes: what depends on the side of an image is
scaled from theirs.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dfnas.project.rewriting import Keys, values

NAMED = re.compile(r"small-(\d+)px\.yaml")
SPACES = ("search_spos", "search_proxyless", "search_darts")
"""Searches of which each has a space of its own; the others share that of search_darts."""


class Preset(NamedTuple):
    """A preset for images of a side."""

    path: Path
    side: int

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")


def nearest(root: Path, size: Sequence[int]) -> Preset:
    """The preset whose side is the nearest to that of images (H, W), by their ratio.

    Args:
        root: of the checkout.
    """
    paths = sorted((root / "workflow" / "presets").glob("small-*px.yaml"))
    presets = [Preset(path, int(found[1])) for path in paths if (found := NAMED.fullmatch(path.name))]
    return min(presets, key=lambda preset: abs(math.log2(_side(size) / preset.side)))


def scaled(preset: Preset, size: Sequence[int], flip: bool) -> dict[Keys, Any]:
    """The values of a preset that another size of images changes, or images that must not be mirrored.

    Args:
        size: (H, W) in pixels.
    """
    said, share = values(preset.text), _side(size) / preset.side
    changes: dict[Keys, Any] = {}
    changes["invert_teacher", "canvas_margin"] = 2 * max(1, round(share * said["invert_teacher"]["canvas_margin"] / 2))
    changes["invert_teacher", "flip"] = flip
    for name, section in said.items():
        if isinstance(section, Mapping) and "augmentation" in section:
            views = section["augmentation"]
            changes[name, "augmentation"] = views | {"pad": round(share * views["pad"]), "flip": flip}
        if isinstance(section, Mapping) and "downscale" in section and any(s % section["downscale"] for s in size):
            changes[name, "downscale"] = 1
    for name in SPACES:
        options = said[name]["space"]["options"]
        if "strides" in options:
            stem, *strides = halvings([options["stem_stride"], *options["strides"]], round(math.log2(share)))
            changes[name, "space", "options", "stem_stride"] = stem
            changes[name, "space", "options", "strides"] = strides
    return changes


def halvings(strides: Sequence[int], more: int) -> list[int]:
    """Strides that halve an image so many times more, or less where negative, as far as there are layers for it. Early
    layers change first."""
    strides, wanted = list(strides), 2 if more > 0 else 1
    for place, stride in enumerate(strides):
        if more and stride != wanted:
            strides[place], more = wanted, more - (1 if more > 0 else -1)
    return strides


def resolutions(stages: Sequence[Mapping[str, int]], takes: Sequence[int]) -> list[dict[str, int]]:
    """The stages of an inversion, with the steps of those that a network does not take given to the full size.

    Args:
        takes: downscales that it takes.
    """
    kept = [dict(stage) for stage in stages if stage["downscale"] in takes]
    left = sum(stage["steps"] for stage in stages if stage["downscale"] not in takes)
    kept[-1]["steps"] += left
    return kept


def _side(size: Sequence[int]) -> float:
    return math.sqrt(size[0] * size[1])
