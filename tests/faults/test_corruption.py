"""Single flipped bits and truncations of every kind of artifact: found, or harmless, and never silently wrong.

1,000 flips and 200 truncations for every format, spread evenly over its artifacts, each read by the function with which
the stages read it. A flip is harmless where that gives the undamaged content to the bit, say in padding.
"""

import dataclasses
import hashlib
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from stage_calls import SPACE, TASK, Commands, arguments_of, run

from dfnas.artifacts.budgets import FoundWithin
from dfnas.artifacts.candidates import read_candidates
from dfnas.artifacts.history import read_history
from dfnas.artifacts.latency import read_latencies
from dfnas.artifacts.latency_table import load_latency_table
from dfnas.artifacts.network import load_network
from dfnas.artifacts.predictions import read_predictions
from dfnas.artifacts.strengths import read_strengths
from dfnas.artifacts.supernet import load_supernet
from dfnas.artifacts.teacher import load_teacher
from dfnas.artifacts.timing import Timing
from dfnas.dataset.images import image_batches, load_split
from dfnas.dataset.stored import StoredImages
from dfnas.dataset.writing import read_labels, read_synthetic_shard
from dfnas.deploy.network import load
from dfnas.runtime.checkpoint import Checkpoint
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive, read_csv, read_json
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.architecture import space_of

FLIPS, TRUNCATIONS = 1000, 200
CPU = torch.device("cpu")
SETTINGS = SpaceSettings(**json.loads(SPACE))


class Artifact(NamedTuple):
    """A file, and what a stage gets of it."""

    path: Path
    read: Callable[[Path], Any]


@pytest.fixture(scope="module")
def artifacts(made, tmp_path_factory) -> dict[str, list[Artifact]]:
    """Every kind of artifact, by format."""
    folder = tmp_path_factory.mktemp("damaged") / "chain"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".dfnas"))
    assert run("search_spos", *arguments_of(Commands(folder), "search_spos", "search_spos")) == 0
    assert run("within_budgets spos", *arguments_of(Commands(folder), "within_budgets spos", "")) == 0
    timing = ["--batch-size", "2", "--repeats", "2", "--networks", "2"]
    assert run("measure_options", *TASK, "--space", SPACE, "--out", folder / "options.json", *timing) == 0
    space = space_of(read_json(folder / "architecture.json"))
    checkpoint = Checkpoint(folder / "state", {"seed": 0})
    checkpoint.add_part(torch.rand(20, 8))
    checkpoint.save({"done": 3, "history": [{"loss": 0.5}], "work": load_archive(folder / "supernet.pt")})
    checkpoints = [Artifact(path, lambda path: _resumed(path, checkpoint)) for path in (folder / "state").iterdir()]
    return {
        "h5": [
            Artifact(folder / "shard.h5", read_synthetic_shard),
            Artifact(folder / "labels.h5", read_labels),
            Artifact(folder / "synthetic.h5", lambda path: load_split(path, "train", CPU)),
            Artifact(folder / "original.h5", lambda path: list(image_batches(path, 64))),
        ],
        "pt": [
            Artifact(folder / "teacher.pt", lambda path: (load_archive(path), load_teacher(path, CPU).network)),
            Artifact(folder / "model.pt", lambda path: load_network(path, CPU)),
            Artifact(folder / "supernet.pt", lambda path: load_supernet(path, space, CPU)),
            *checkpoints,
        ],
        "safetensors": [Artifact(folder / "model.safetensors", load)],
        "json": [
            Artifact(folder / "architecture.json", lambda path: read_json(path, by_hand=True)),
            Artifact(folder / "found.json", lambda path: read_json(path, by_hand=True)),
            Artifact(folder / "options.json", lambda path: vars(load_latency_table(path, SETTINGS, space))),
            Artifact(folder / "found.strengths", lambda path: read_strengths(path, space)),
            Artifact(folder / "metrics.json", read_json),
            Artifact(folder / "quality.json", read_json),
            Artifact(folder / "labels.json", read_json),
            Artifact(folder / "m.json", Timing.read),
        ],
        "csv": [
            Artifact(folder / "predictions.csv", read_predictions),
            Artifact(folder / "found.candidates", lambda path: [*map(vars, read_candidates(path, space))]),
            Artifact(folder / "budgets.csv", FoundWithin.read),
            Artifact(folder / "latency.csv", lambda path: [*read_latencies(path).items()]),
            Artifact(folder / "m.csv", read_history),
            Artifact(folder / "shard.csv", read_csv),
        ],
    }


def _resumed(path: Path, checkpoint: Checkpoint) -> Any:
    """The saved state and its part; one that counts as none is a damage that was found."""
    state = Checkpoint.load(checkpoint)
    if state is None:
        raise InputError(f"{path}: none; the work starts over")
    return state, checkpoint.part(0)


def damaged(path: Path, flips: int, truncations: int) -> Iterator[str]:
    """The file with one bit flipped, or cut off, for each step in another place (seeded); in the end as it was."""
    sound, rng = path.read_bytes(), random.Random(f"{path.name} {flips}")
    for place in sorted(rng.sample(range(8 * len(sound)), flips)):
        content = bytearray(sound)
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        yield f"bit {place % 8} of byte {place // 8} of {len(sound)}"
    for length in sorted(rng.choices(range(len(sound)), k=truncations)):
        path.write_bytes(sound[:length])
        yield f"{length} of {len(sound)} bytes"
    path.write_bytes(sound)


def fingerprint(value: Any) -> str:
    """Equal for what is equal to the bit, whatever it is made of."""
    total = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, torch.nn.Module):
            add(part.state_dict())
        elif isinstance(part, torch.Tensor):
            add(part.numpy())
        elif isinstance(part, StoredImages):
            add(part.at(torch.arange(len(part))))
        elif isinstance(part, np.ndarray):
            total.update(f"{part.dtype} {part.shape}".encode() + part.tobytes())
        elif dataclasses.is_dataclass(part):
            add([getattr(part, field.name) for field in dataclasses.fields(part)])
        elif isinstance(part, Mapping):
            add(list(part.items()))
        elif isinstance(part, list | tuple):
            total.update(f"({len(part)}".encode())
            for each in part:
                add(each)
        else:
            total.update(f"{type(part).__name__} {part!r}".encode())

    add(value)
    return total.hexdigest()


def shares(total: int, count: int) -> list[int]:
    """As equal as can be."""
    return [total // count + (place < total % count) for place in range(count)]


def outcomes(artifacts: list[Artifact]) -> tuple[Counter, list[str]]:
    """How often damage was found, harmless and silently wrong, and where it was the last. What is found names the file
    and the command that rebuilds it."""
    counts, wrong, stories = Counter(), [], set()
    numbers = zip(shares(FLIPS, len(artifacts)), shares(TRUNCATIONS, len(artifacts)), strict=True)
    for (path, read), (flips, truncations) in zip(artifacts, numbers, strict=True):
        sound = fingerprint(read(path))
        for place in damaged(path, flips, truncations):
            try:
                found = fingerprint(read(path))
            except InputError as error:
                counts["found"] += 1
                stories.add((path, str(error)))
            else:
                counts["harmless" if found == sound else "silently wrong"] += 1
                if found != sound:
                    wrong.append(f"{path.name}: {place}")
        assert fingerprint(read(path)) == sound
    for path, story in stories:
        assert "\n" not in story
        assert path.stem in story
        assert path.parent.name == "state" or f"rm {path}; snakemake --cores 1 {path}" in story, story
    return counts, wrong


@pytest.mark.parametrize("kind", ["h5", "pt", "safetensors", "json"])
def test_no_damage_is_silently_wrong(artifacts, kind, say):
    counts, wrong = outcomes(artifacts[kind])
    say(f"{FLIPS} flips and {TRUNCATIONS} truncations of .{kind}: {_in_words(counts)}")
    assert not wrong
    assert counts.total() == FLIPS + TRUNCATIONS


def test_damage_of_tables_is_read_or_refused_and_never_a_crash(artifacts, say):
    """CSV is for people and spreadsheets, and has no digest in it: a flipped digit is another digit."""
    counts, _ = outcomes(artifacts["csv"])
    say(f"{FLIPS} flips and {TRUNCATIONS} truncations of .csv (which has no checksum): {_in_words(counts)}")
    assert counts.total() == FLIPS + TRUNCATIONS


def _in_words(counts: Counter) -> str:
    return ", ".join(f"{counts[kind]} {kind}" for kind in ("found", "harmless", "silently wrong"))
