"""Invert a classifier, ask it what it sees, search on the images, build what was found: without the workflow.

python examples/library.py results/teacher/teacher.pt config.yaml
"""

import sys
from pathlib import Path

import torch
import yaml

from dfnas.artifacts.teacher import load_teacher
from dfnas.dataset.in_memory import image_sets
from dfnas.runtime.finishing import finished
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.spos import SposSearch, SposSupernet
from dfnas.search.supernet import Trained
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.inversion_targets import first_targets, soft_labels
from dfnas.synthesis.objective import Objective


def architecture_without_data(teacher_file: Path, configuration: Path) -> tuple[dict[str, str], torch.nn.Module]:
    """What SPOS finds on images made from a teacher alone, and its network with fresh weights."""
    teacher = load_teacher(teacher_file, torch.device("cpu"))
    sections = yaml.safe_load(configuration.read_text())
    inversion = InvertTeacherSettings.parse(sections["invert_teacher"])
    search = SearchSposSettings.parse(sections["search_spos"])

    # Make images, and ask the teacher what it sees in them: its answers are the targets of the next generation.
    objective = Objective(teacher, inversion)
    classes, labels = first_targets(inversion, batch=0, classes=teacher.spec.classes)
    for generation in range(2):
        images = to_uint8(Inversion(objective, labels, generation, batch=0).run())
        labels = soft_labels(teacher, images)
    agreement = (labels.argmax(1) == classes).float().mean()
    print(f"{len(images)} images; the teacher sees the intended class in {agreement:.0%}")

    # Train a supernet on them, and search on it.
    train, held_out = image_sets(images, labels, classes, teacher.spec)
    space = make(search.space.name, Task(train.channels, train.size, train.classes), search.space.options)
    context = SearchContext(space, train, held_out, seed=0, budget=Budget(space, search.budget))
    supernet = finished(SposSupernet(context, search.of_supernet()))
    trained = Trained(supernet.network, supernet.strengths(), supernet.report())
    found = finished(SposSearch(context, search, trained)).architecture()
    return found, space.network(found)


if __name__ == "__main__":
    architecture, network = architecture_without_data(Path(sys.argv[1]), Path(sys.argv[2]))
    print(architecture)
    print(f"{sum(weights.numel() for weights in network.parameters()):,} parameters")
