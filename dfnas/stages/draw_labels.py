"""Draw how the teacher's soft labels change over the generations: confidence, entropy, agreement with the aim and
change from it, and the mean label of the images of each class, for every synthetic data set."""

import sys
from pathlib import Path

import torch

from dfnas.artifacts.calibration import Calibration
from dfnas.artifacts.picture import write_picture
from dfnas.dataset.writing import read_labels
from dfnas.measure.soft_labels import LabelStatistics
from dfnas.pictures.label_plots import Labels, labels_png
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("draw_labels", __doc__, None)
STAGE.argument("--labels", type=Path, nargs="+", required=True, metavar="FILE", help="labels of every generation")
STAGE.argument(
    "--reports", type=Path, nargs="+", required=True, metavar="FILE", help="what changed in each, JSON, in that order"
)
STAGE.argument("--sources", nargs="+", required=True, metavar="NAME", help="the data set of each, in that order")
STAGE.output("--out", required=True, help="the picture, PNG")


def draw_labels(job: Job[None]) -> None:
    options = job.options
    sources: dict[str, list[Labels]] = {}
    class_names: list[str] = []
    for source, path, report in zip(options.sources, options.labels, options.reports, strict=True):
        labels, class_names = _labels(path, report)
        sources.setdefault(source, []).append(labels)
    write_picture(options.out, labels_png(sources, class_names), job.provenance())


def _labels(path: Path, report: Path) -> tuple[Labels, list[str]]:
    """What is drawn of a generation, and the names of its classes."""
    soft_labels, classes, attributes = read_labels(path)
    statistics = LabelStatistics(soft_labels.shape[1])
    statistics.add(torch.from_numpy(soft_labels), torch.from_numpy(classes))
    found = Calibration.read(report)
    confidence = soft_labels.max(axis=1).mean(dtype="float64")
    by_class = statistics.mean_by_class().numpy()
    entropies = found.entropy_after_nats, found.entropy_before_nats
    drawn = (float(confidence), *entropies, found.agreement, found.label_shift, by_class)
    return Labels(attributes["generation"], *drawn), attributes["class_names"]


if __name__ == "__main__":
    sys.exit(STAGE.main(draw_labels))
