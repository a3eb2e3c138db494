"""Stand-ins for what a job reads: noise, labels, fresh weights, random architectures, all of the size and the form of
what will be there. Times do not depend on what images show or networks know.

Shapes: N images, K classes, C channels, P Q stored height and width.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dfnas.artifacts.latency_table import FORMAT, LatencyTable, WholeNetworks, subject_of, times_of
from dfnas.artifacts.network import save_network
from dfnas.artifacts.supernet import save_supernet
from dfnas.artifacts.teacher import save_teacher
from dfnas.classifiers.metadata import complete
from dfnas.dataset.class_order import numbers
from dfnas.dataset.format import SPLITS
from dfnas.dataset.writing import Records, write_dataset, write_labels, write_shard
from dfnas.doctor.networks import form_of
from dfnas.doctor.originals import DataSize
from dfnas.runtime.files import write_json
from dfnas.runtime.seeds import derive, python_random
from dfnas.search.budget import Budget
from dfnas.settings.config import Config
from dfnas.settings.search import SpaceSettings
from dfnas.settings.sources import ORIGINAL
from dfnas.spaces.architecture import describe
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space, Task

PIECE = 512
"""Different images of noise, which a data set repeats: its shards are one file many times."""
SEEN = 0.01
"""What BatchNorms of a classifier with fresh weights have for means, so that they seem to have seen images."""
UNKNOWN: dict[str, Any] = dict.fromkeys(("stage", "dfnas", "torch", "code", "device"), "")
UNKNOWN |= {name: {} for name in ("arguments", "settings", "inputs")}
"""What made a stand-in."""
SEARCH, RUN = r"(?P<algorithm>\w+)/(?P<search_data>\w+)", r"(?P<retrain_data>\w+)/seed-(?P<seed>\d+)"


class StandIns:
    """A folder of results whose files are stand-ins, made as they are needed.

    Args:
        sizes: of the data sets.
        share: how many times fewer images there are.
    """

    def __init__(self, config: Config, sizes: Mapping[str, DataSize], folder: Path, share: int = 1):
        self.config, self.sizes, self.folder, self.share = config, sizes, folder, share
        self.teacher = complete(config.teacher)

    def make(self, name: str, rule: str) -> None:
        """Makes a file by its name in the folder of results, for a rule that reads it."""
        path = self.folder / name
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        for pattern, maker in self._makers().items():
            if found := re.fullmatch(pattern, name):
                maker(path, **found.groupdict())
                return
        raise AssertionError(f"{rule} is tried, and reads {name}")

    def _makers(self) -> dict[str, Callable[..., None]]:
        generation = r"(?P<source>\w+)/generation-(?P<generation>\d+)"
        return {
            r"dataset/(?P<data>\w+)\.h5": self._dataset,
            rf"synthesis/{generation}/shard-(?P<shard>\d+)\.h5": self._shard,
            rf"labels/{generation}\.h5": self._labels,
            r"(teacher|networks)/(?P<role>\w+)\.pt": self._classifier,
            rf"search/{SEARCH}/seed-(?P<seed>\d+)/architecture\.json": self._architecture,
            rf"supernet/{SEARCH}/seed-\d+/supernet\.pt": self._supernet,
            rf"retrain/{SEARCH}/{RUN}/model\.pt": self._network,
            r"latency_tables/(?P<digest>\w+)\.json": self._latency,
        }

    def _dataset(self, path: Path, data: str) -> None:
        size, original = self.sizes[data], data == ORIGINAL
        counts = [max(size.classes, getattr(size, split) // self.share) for split in SPLITS if getattr(size, split)]
        targets = np.concatenate([np.arange(count) % size.classes for count in counts])
        noise, rest = (path.with_suffix("") / f"{name}.h5" for name in ("noise", "rest"))
        whole, left = divmod(len(targets), PIECE)
        for shard, count in ((noise, PIECE), *([(rest, left)] if left else [])):
            shard.parent.mkdir(exist_ok=True)
            write_shard(shard, _noise(count, size), np.arange(count) % size.classes, {})
        split = np.repeat(np.arange(len(counts)), counts).astype(np.uint8)
        generation = np.full(len(targets), -1 if original else 0, dtype=np.int32)
        records = Records(_soft(targets, size.classes), targets, generation, split)
        attributes = self._about(size) | {"source": data, "provenance": {}}
        if original:
            attributes |= {"mean": self.config.shard_original.mean, "std": self.config.shard_original.std}
        write_dataset(path, [*[noise] * whole, *[rest] * (left > 0)], records, attributes)

    def _about(self, size: DataSize) -> dict[str, Any]:
        """What files of images say of them."""
        teacher, names = self.teacher, numbers(size.classes)
        return {"size": size.size, "mean": teacher.mean, "std": teacher.std, "class_names": names}

    def _generation(self, source: str) -> np.ndarray:
        """The classes (N,) of a generation's images."""
        return np.arange(self.config.synthetic_data()[source].synthesis.images // self.share) % self._classes(source)

    def _classes(self, data: str) -> int:
        return self.sizes[data].classes

    def _shard(self, path: Path, source: str, generation: str, shard: str) -> None:
        shards, size = self.config.synthetic_data()[source].synthesis.shards, self.sizes[source]
        targets = np.array_split(self._generation(source), shards)[int(shard)]
        attributes = self._about(size) | {"generation": int(generation), "first_batch": 0, "provenance": {}}
        write_shard(path, _noise(len(targets), size), targets, attributes, _soft(targets, size.classes))

    def _labels(self, path: Path, source: str, generation: str) -> None:
        targets, classes = self._generation(source), self._classes(source)
        attributes = {"generation": int(generation), "class_names": numbers(classes), "provenance": {}}
        write_labels(path, _soft(targets, classes), targets, attributes)

    def _classifier(self, path: Path, role: str) -> None:
        spec, state = form_of(self.config.teacher if role == "teacher" else self.config.networks()[role], role)
        # BatchNorms that have seen no image are refused.
        seen = {name: torch.full_like(value, SEEN) for name, value in state.items() if name.endswith("running_mean")}
        save_teacher(path, spec, state | seen, UNKNOWN)

    def _space(self, algorithm: str) -> tuple[SpaceSettings, Space]:
        size, settings = self.sizes[ORIGINAL], self.config.searches()[f"search_{algorithm}"].space
        return settings, make(settings.name, Task(size.channels, size.size, size.classes), settings.options)

    def _found(self, algorithm: str, *drawn_for: str) -> tuple[dict[str, Any], nn.Module]:
        """A random architecture that keeps the budget, and its network."""
        settings, space = self._space(algorithm)
        limits = self.config.searches()[f"search_{algorithm}"].budget.model_copy(update={"max_latency_ms": 0.0})
        choices = Budget(space, limits).sample(python_random(0, "doctor", algorithm, *drawn_for))
        return describe(settings.name, settings.options, space, choices, {}), space.network(choices)

    def _architecture(self, path: Path, algorithm: str, search_data: str, seed: str) -> None:
        write_json(path, self._found(algorithm, search_data, seed)[0])

    def _network(self, path: Path, algorithm: str, search_data: str, retrain_data: str, seed: str) -> None:
        document, network = self._found(algorithm, search_data, seed)
        said = {"algorithm": algorithm, "search_data": search_data, "retrain_data": retrain_data, "seed": int(seed)}
        provenance = {"arguments": said, "architecture_file": "", "validation_error": 0.0}
        normalisation = {"mean": self.teacher.mean, "std": self.teacher.std}
        save_network(path, document, network, normalisation, provenance)

    def _supernet(self, path: Path, algorithm: str, search_data: str) -> None:
        space = self._space(algorithm)[1]
        weighed = space.choices if algorithm != "spos" else {}
        even = {choice: torch.full((len(options),), 1 / len(options)) for choice, options in weighed.items()}
        save_supernet(path, space.supernet(), even, {"trained_images": 0}, [], {})

    def _latency(self, path: Path, digest: str) -> None:
        """A table whose milliseconds are the MACs."""
        searches = self.config.searches().items()
        rule = next(name for name, section in searches if section.space.digest == digest)
        settings, space = self._space(rule.removeprefix("search_"))
        LatencyTable(
            format=FORMAT,
            **subject_of(settings, space),
            **times_of(space, space.macs_table()),
            device="",
            threads=1,
            batch_size=1,
            distinct_options=0,
            spread=0.0,
            networks=WholeNetworks(measured_ms=[], predicted_ms=[], relative_error=0.0),
            provenance={},
        ).write(path)


def _noise(count: int, size: DataSize) -> np.ndarray:
    """Images uint8 (N, C, P, Q)."""
    rng = np.random.default_rng(derive(0, "doctor", "images"))
    return rng.integers(0, 256, (count, size.channels, *size.stored), dtype=np.uint8)


def _soft(targets: np.ndarray, classes: int) -> np.ndarray:
    """Labels float32 (N, K) that are fairly sure of the classes (N,)."""
    labels = np.full((len(targets), classes), 0.1 / classes, dtype=np.float32)
    labels[np.arange(len(targets)), targets] += np.float32(0.9)
    return labels
