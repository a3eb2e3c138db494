"""The picture of the README: what a finished run of the default made, found and measured, side by side.

python benchmarks/front_picture.py results --out docs/front.png

Left: images of the last generation, a row for each class. Right: the table's errors, of networks trained on original
images and, hatched, on synthetic ones. Below: an architecture that was found. Everything is drawn from the artifacts
of the run; the same run gives the same bytes.
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

WIDTH, HEIGHT, CHAIN = 9.8, 5.75, 1.4
"""Inches: of the picture, and of the row with the architecture, titles included."""
SIDE, LEFT, TITLE = 3.7, 4.35, 0.4
"""Inches: of the images, where what is beside them begins, and of a line of titles."""
COLUMNS = 10
COLOURS = {"original": GREY, "synthetic": VERMILION, "none": BLUE}
LABELS = {
    "original": "searched on original images",
    "synthetic": "searched on synthetic images",
    "none": "drawn at random",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of a finished run")
    parser.add_argument("--out", type=Path, required=True, help="the picture, PNG")
    options = parser.parse_args()
    figure = blank(WIDTH, HEIGHT)
    _images(figure, options.results / "synthesis" / "synthetic")
    _architecture(figure, options.results / "search/spos/synthetic/seed-0/architecture.json")
    _errors(figure, options.results / "table1.csv")
    picture = Image.open(BytesIO(png(figure))).convert("RGB")
    content = BytesIO()
    picture.quantize(128).save(content, "PNG", optimize=True)
    write_picture(options.out, content.getvalue(), {"made_by": "benchmarks/front_picture.py"})


def _title(figure: Figure, x: float, y: float, number: str, text: str) -> None:
    figure.text(x / WIDTH, y / HEIGHT, number, fontsize=15, fontweight="bold", color=VERMILION, va="baseline")
    figure.text((x + 0.28) / WIDTH, y / HEIGHT, text, fontsize=11.5, va="baseline")


def _images(figure: Figure, folder: Path) -> None:
    last = max(folder.iterdir(), key=lambda generation: int(generation.name.split("-")[1]))
    grid: ImageGrid | None = None
    for shard in sorted(last.glob("*.h5")):
        images, classes, attributes = read_shard(shard)
        grid = grid or ImageGrid(attributes["class_names"], COLUMNS, 10)
        grid.add(images, classes)
    assert grid is not None, folder
    bottom = HEIGHT - TITLE - SIDE
    axes = figure.add_axes((0.15 / WIDTH, bottom / HEIGHT, SIDE / WIDTH, SIDE / HEIGHT))
    axes.imshow(grid.block(), aspect="auto", interpolation="none")
    axes.set_axis_off()
    _title(figure, 0.15, HEIGHT - 0.28, "1", "images made from the classifier alone")


def _errors(figure: Figure, path: Path) -> None:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    teacher = next(float(row["top1_error_mean"]) for row in rows if row["algorithm"] == "teacher")
    rows = [row for row in rows if row["algorithm"] != "teacher"]
    groups = list(dict.fromkeys((row["algorithm"], row["search_data"]) for row in rows))[::-1]
    left, bottom, width = LEFT + 0.85, HEIGHT - TITLE - SIDE + 0.5, WIDTH - LEFT - 1.0
    axes = figure.add_axes((left / WIDTH, bottom / HEIGHT, width / WIDTH, (SIDE - 1.6) / HEIGHT))
    seen: set[str] = set()
    for row in rows:
        data, learnt = row["search_data"], row["retrain_data"]
        colour = COLOURS.get(data, GREY)
        place = groups.index((row["algorithm"], data)) + (0.19 if learnt == "original" else -0.19)
        face = (
            {"color": colour} if learnt == "original" else {"facecolor": "white", "edgecolor": colour, "hatch": "////"}
        )
        label = None if data in seen else LABELS.get(data, data)
        seen.add(data)
        error, deviation = float(row["top1_error_mean"]), float(row["top1_error_std"] or 0)
        axes.barh(place, error, xerr=deviation, height=0.36, label=label, ecolor="0.2", **face)
    axes.barh(0, 0, facecolor="white", edgecolor="0.3", hatch="////", label="trained without a real image")
    axes.axvline(teacher, color="black", linestyle="--", linewidth=1, label="the classifier itself")
    axes.set_yticks(range(len(groups)), [algorithm for algorithm, _ in groups])
    axes.set_xlabel("test error, % (mean and deviation over seeds)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9.5, loc="lower left", bbox_to_anchor=(-0.22, 1.0), ncols=2)
    _title(figure, LEFT, HEIGHT - 0.28, "2", "what searched networks are worth, once trained")


def _architecture(figure: Figure, path: Path) -> None:
    _, space = read_architecture(path)
    drawing = draw_architecture(space, FoundArchitecture.read(path).choices)
    scale = min((WIDTH - 0.3) / drawing.width, (CHAIN - TITLE) / drawing.height, 1.0)
    width, height = drawing.width * scale, drawing.height * scale
    bottom = (CHAIN - TITLE - height) / 2
    axes = figure.add_axes((0.15 / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT))
    paint(axes, drawing)
    _title(figure, 0.15, CHAIN - 0.25, "3", "one of these networks, found by SPOS")


if __name__ == "__main__":
    main()
