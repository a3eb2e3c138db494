"""Images of some classes as a grid: a row for each class with its name, blocks of columns with titles.

Shapes: N images, C channels, H W sides in pixels.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dfnas.measure.choice import evenly

GAP, MARGIN, TITLE_HEIGHT, FONT_SIZE, LONGEST_NAME = 2, 6, 20, 12, 32
SHORTEST_SIDE = 32
"""Pixels; smaller images are enlarged by a whole factor."""


class ImageGrid:
    """Keeps the first images of evenly chosen classes, and of as many others as may have to stand in for those of them
    that have no images; nothing else of what it is shown.

    Args:
        names: of all classes, in their order.
        columns: images per class.
        rows: classes at most.
        longest_side: pixels; larger images are shrunk to it.
    """

    def __init__(self, names: Sequence[str], columns: int, rows: int, longest_side: int = 256):
        self.columns, self.names, self._rows, self._longest_side = columns, names, rows, longest_side
        self._chosen = evenly(len(names), rows)
        self._kept: dict[int, list[np.ndarray]] = {label: [] for label in self._chosen}

    def add(self, images: np.ndarray, classes: np.ndarray) -> None:
        """Takes what it needs of images uint8 (N, C, H, W) with their classes int (N,)."""
        for label in dict.fromkeys(classes.tolist()):
            if label not in self._kept and len(self._kept) < len(self._chosen) + self._rows:
                self._kept[label] = []
        for label, kept in self._kept.items():
            chosen = np.flatnonzero(classes == label)[: self.columns - len(kept)]
            kept.extend(cell(image, self._longest_side) for image in images[chosen])

    @property
    def classes(self) -> list[int]:
        """Those that are shown, in order: the chosen ones with images, and others in place of those without."""
        with_images = [label for label, kept in self._kept.items() if kept]  # the chosen ones first
        return sorted(with_images[: self._rows]) or self._chosen

    def block(self, classes: Sequence[int] = ()) -> Image.Image:
        """The grid of some classes, or of its own; white where there are too few images."""
        rows = [self._kept.get(label, []) for label in classes or self.classes]
        height, width = np.max([image.shape[:2] for kept in rows for image in kept] or [(1, 1)], axis=0)
        shape = (len(rows) * (height + GAP) - GAP, self.columns * (width + GAP) - GAP, 3)
        grid = np.full(shape, 255, dtype=np.uint8)
        for row, kept in enumerate(rows):
            for column, image in enumerate(kept):
                top, left = row * (height + GAP), column * (width + GAP)
                grid[top : top + image.shape[0], left : left + image.shape[1]] = image
        return Image.fromarray(grid)


def cell(image: np.ndarray, longest_side: int) -> np.ndarray:
    """An image (C, H, W) uint8 as colours (H', W', 3): enlarged or shrunk, one channel in grey, three in colour.
    Whatever other channels there are stand beside it, in grey: nothing is left out."""
    groups = [image[:3], *image[3:, None]] if len(image) >= 3 else list(image[:, None])
    panels = [np.broadcast_to(group, (3, *image.shape[1:])).transpose(1, 2, 0) for group in groups]
    factor = -(-SHORTEST_SIDE // min(image.shape[1:]))
    panels = [panel.repeat(factor, 0).repeat(factor, 1) for panel in panels]
    joined = np.concatenate(panels, axis=1)
    excess = max(panels[0].shape[:2]) / longest_side
    if excess <= 1:
        return joined
    size = (max(1, round(joined.shape[1] / excess)), max(1, round(joined.shape[0] / excess)))
    return np.asarray(Image.fromarray(joined).resize(size, Image.Resampling.BOX))


def labelled(blocks: Sequence[tuple[str, ImageGrid]]) -> Image.Image:
    """Grids side by side, each under its title, with the names of the classes that any of them shows at the left."""
    font = ImageFont.load_default(FONT_SIZE)
    classes = sorted({label for _, grid in blocks for label in grid.classes})
    names = [_short(blocks[0][1].names[label]) for label in classes]
    grids = [grid.block(classes) for _, grid in blocks]
    left = round(max(font.getlength(name) for name in names)) + 2 * MARGIN
    widths = [
        max(grid.width, round(font.getlength(title))) + MARGIN for grid, (title, _) in zip(grids, blocks, strict=True)
    ]
    height = TITLE_HEIGHT + max(grid.height for grid in grids) + MARGIN
    picture = Image.new("RGB", (left + sum(widths), height), "white")
    draw = ImageDraw.Draw(picture)
    row_height = (grids[0].height + GAP) / len(names)
    for row, name in enumerate(names):
        middle = TITLE_HEIGHT + row * row_height + (row_height - GAP) / 2
        draw.text((left - MARGIN, middle), name, fill="black", font=font, anchor="rm")
    for grid, width, (title, _) in zip(grids, widths, blocks, strict=True):
        draw.text((left, TITLE_HEIGHT / 2), title, fill="black", font=font, anchor="lm")
        picture.paste(grid, (left, TITLE_HEIGHT))
        left += width
    return picture


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
