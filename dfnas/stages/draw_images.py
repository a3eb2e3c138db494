"""Draw synthetic images: a row for every class, a block of columns for every generation."""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dfnas.dataset.writing import read_shard
from dfnas.runtime.files import write_bytes
from dfnas.stages.command import Job, Stage

STAGE = Stage("draw_images", __doc__, None)
STAGE.argument("--shards", type=Path, nargs="+", required=True, metavar="FILE", help="shards of all generations")
STAGE.argument("--columns", type=int, default=6, metavar="N", help="images per class and generation (default: 6)")
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the picture, PNG")

GAP, LABEL_WIDTH, TITLE_HEIGHT, SHORTEST_SIDE = 2, 84, 18, 32


def draw_images(job: Job) -> None:
    generations: dict[int, tuple[list[np.ndarray], list[np.ndarray]]] = {}
    names: list[str] = []
    for path in job.options.shards:
        images, targets, attributes = read_shard(path)
        names = attributes["class_names"]
        kept = generations.setdefault(attributes["generation"], ([], []))
        kept[0].append(images)
        kept[1].append(targets)
    blocks = [
        _block(np.concatenate(images), np.concatenate(targets), len(names), job.options.columns)
        for _, (images, targets) in sorted(generations.items())
    ]
    content = BytesIO()
    _labelled(blocks, names).save(content, "PNG")
    write_bytes(job.options.out, content.getvalue())


def _block(images: np.ndarray, targets: np.ndarray, classes: int, columns: int) -> np.ndarray:
    """The first images of each class in a grid (rows, width, 3) uint8; white where there are too few."""
    scale = -(-SHORTEST_SIDE // min(images.shape[2:]))
    height, width = (side * scale + GAP for side in images.shape[2:])
    grid = np.full((classes * height, columns * width, 3), 255, dtype=np.uint8)
    for row in range(classes):
        for column, image in enumerate(images[targets == row][:columns]):
            pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
            pixels = pixels.repeat(scale, 0).repeat(scale, 1)
            top, left = row * height, column * width
            grid[top : top + height - GAP, left : left + width - GAP] = pixels
    return grid


def _labelled(blocks: list[np.ndarray], names: list[str]) -> Image.Image:
    height, width = blocks[0].shape[:2]
    picture = Image.new(
        "RGB", (LABEL_WIDTH + sum(b.shape[1] + 4 * GAP for b in blocks), TITLE_HEIGHT + height), "white"
    )
    draw = ImageDraw.Draw(picture)
    row_height = height // len(names)
    for row, name in enumerate(names):
        draw.text((4, TITLE_HEIGHT + row * row_height + row_height // 2 - 6), name[:13], fill="black")
    for number, block in enumerate(blocks):
        left = LABEL_WIDTH + number * (width + 4 * GAP)
        draw.text((left, 3), f"generation {number}", fill="black")
        picture.paste(Image.fromarray(block), (left, TITLE_HEIGHT))
    return picture


if __name__ == "__main__":
    sys.exit(STAGE.main(draw_images))
