"""What a user wants made, by a name in place of a path."""

from collections.abc import Callable, Mapping, Sequence

from dfnas.runtime.errors import InputError
from dfnas.runtime.paths import expanded
from dfnas.settings.config import Config
from dfnas.settings.sources import NO_DATA, ORIGINAL


def _images(config: Config) -> list[str]:
    comparison = config.comparison
    used = dict.fromkeys((*map(config.images_of, comparison.search_data), *comparison.retrain_data))
    return [f"dataset/{data}.h5" for data in used if data != ORIGINAL]


def _architectures(config: Config) -> list[str]:
    on_data = {name: config.searches()[f"search_{name}"].on_data for name in config.comparison.names}
    return [
        f"search/{name}/{data}/seed-{seed}/architecture.json"
        for name in config.comparison.names
        for data in (config.comparison.search_data if on_data[name] else (NO_DATA,))
        for seed in config.comparison.seeds
    ]


NAMES: Mapping[str, tuple[str, Callable[[Config], list[str]]]] = {
    "images": ("the synthetic data sets", _images),
    "search": ("the architectures that searches find", _architectures),
    "deploy": (
        "the trained networks as files, model.onnx among them",
        lambda config: [f"deploy/{name}/model.onnx" for name in config.comparison.names],
    ),
    "table": ("table1.csv, which needs original test images", lambda config: ["table1.csv"]),
}
"""Names of targets, each with what it stands for and its files in the folder of results."""


def target_files(targets: Sequence[str], config: Config) -> list[str]:
    """The files that targets stand for; a path stands for itself.

    Raises:
        InputError: one is neither a name nor a path to a file.
    """
    folder, found = expanded(config.results_dir, "results_dir").rstrip("/"), list[str]()
    for target in targets:
        if target in NAMES:
            found += [f"{folder}/{name}" for name in NAMES[target][1](config)]
        elif "/" in target:
            found.append(target)
        else:
            raise InputError(f"'{target}' is no target; expected {', '.join(NAMES)}, or a file in {folder}/")
    return found
