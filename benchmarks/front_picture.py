"""The picture of the README: what a finished run of the default made, found and measured, side by side.

python benchmarks/front_picture.py results --out docs/front.png

Left: images of the last generation, a row for each class. Right: an architecture that was found on them, and the table's
errors. Everything is drawn from the artifacts of the run; the same run gives the same bytes.
"""

import argparse
import csv
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from dfnas.artifacts.architecture import FoundArchitecture, read_architecture
from dfnas.artifacts.picture import write_picture
from dfnas.dataset.writing import read_shard
from dfnas.pictures.architecture import draw_architecture
from dfnas.pictures.drawing import paint
from dfnas.pictures.figures import BLUE, GREY, VERMILION, blank, png
from dfnas.pictures.grid import ImageGrid

WIDTH, HEIGHT, TOP = 14.7, 5.0, 0.42
"""Inches: of the picture, and of the line of titles."""
LEFT = 4.95
"""Inches, where what is beside the images begins."""
COLUMNS = 10
COLOURS = {"original": GREY, "synthetic": VERMILION, "none": BLUE}
LABELS = {"original": "searched on original images", "synthetic": "searched on synthetic images", "none": "drawn at random"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of a finished run")
    parser.add_argument("--architecture", type=Path, help="the found architecture (default: SPOS on synthetic, seed 0)")
    parser.add_argument("--out", type=Path, required=True, help="the picture, PNG")
    options = parser.parse_args()
    found = options.architecture or options.results / "search/spos/synthetic/seed-0/architecture.json"
    figure = blank(WIDTH, HEIGHT)
    _images(figure, options.results / "synthesis" / "synthetic")
    _architecture(figure, found)
    _errors(figure, options.results / "table1.csv")
    picture = Image.open(BytesIO(png(figure))).convert("RGB")
    content = BytesIO()
    picture.quantize(128).save(content, "PNG", optimize=True)
    write_picture(options.out, content.getvalue(), {"made_by": "benchmarks/front_picture.py"})


def _title(figure: Figure, x: float, y: float, number: str, text: str) -> None:
    figure.text(x / WIDTH, y / HEIGHT, number, fontsize=15, fontweight="bold", color=VERMILION, va="baseline")
    figure.text((x + 0.28) / WIDTH, y / HEIGHT, text, fontsize=12, va="baseline")


def _images(figure: Figure, folder: Path) -> None:
    last = max(folder.iterdir(), key=lambda generation: int(generation.name.split("-")[1]))
    grid: ImageGrid | None = None
    for shard in sorted(last.glob("*.h5")):
        images, classes, attributes = read_shard(shard)
        grid = grid or ImageGrid(attributes["class_names"], COLUMNS, 10)
        grid.add(images, classes)
    assert grid is not None, folder
    side = HEIGHT - TOP - 0.35
    axes = figure.add_axes((0.35 / WIDTH, 0.2 / HEIGHT, side / WIDTH, side / HEIGHT))
    axes.imshow(grid.block(), aspect="auto", interpolation="none")
    axes.set_axis_off()
    _title(figure, 0.35, HEIGHT - TOP + 0.05, "1", "images made from the classifier alone")


def _architecture(figure: Figure, path: Path) -> None:
    _, space = read_architecture(path)
    drawing = draw_architecture(space, FoundArchitecture.read(path).choices)
    bottom, width, height = HEIGHT / 2 + 0.15, WIDTH - LEFT - 0.15, HEIGHT / 2 - TOP - 0.2
    scale = min(width / drawing.width, height / drawing.height, 1.0)
    size = drawing.width * scale, drawing.height * scale
    middle = bottom + (height - size[1]) / 2
    axes = figure.add_axes((LEFT / WIDTH, middle / HEIGHT, size[0] / WIDTH, size[1] / HEIGHT))
    paint(axes, drawing)
    _title(figure, LEFT, HEIGHT - TOP + 0.05, "2", "a network that was searched on them")


def _errors(figure: Figure, path: Path) -> None:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    teacher = next(float(row["top1_error_mean"]) for row in rows if row["algorithm"] == "teacher")
    rows = [row for row in rows if row["algorithm"] != "teacher"][::-1]
    left, bottom, width, height = LEFT + 1.2, 0.62, WIDTH - LEFT - 4.2, HEIGHT / 2 - 1.0
    axes = figure.add_axes((left / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT))
    seen: set[str] = set()
    for place, row in enumerate(rows):
        data = row["search_data"]
        label = None if data in seen else LABELS.get(data, data)
        seen.add(data)
        error, deviation = float(row["top1_error_mean"]), float(row["top1_error_std"] or 0)
        axes.barh(place, error, xerr=deviation, color=COLOURS.get(data, GREY), height=0.7, label=label, ecolor="0.2")
    axes.axvline(teacher, color="black", linestyle="--", linewidth=1, label="the classifier itself")
    axes.set_yticks(range(len(rows)), [row["algorithm"] for row in rows], fontsize=9)
    axes.set_xlabel("test error, % (mean and standard deviation over seeds)", fontsize=9)
    axes.tick_params(axis="x", labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.04, 0.5))
    _title(figure, LEFT, HEIGHT / 2 - 0.22, "3", "what the networks are worth once trained")


if __name__ == "__main__":
    main()
