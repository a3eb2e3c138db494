"""Some images side by side, each with a line or two below it.

Shapes: N images, C channels, H W sides in pixels.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dfnas.pictures.grid import cell

GAP, FONT_SIZE, LONGEST_SIDE, LEAST_WIDTH = 8, 11, 160, 120
LINE = FONT_SIZE + 4


def contact_sheet(images: np.ndarray, captions: Sequence[Sequence[str]], columns: int) -> Image.Image:
    """A sheet of images uint8 (N, C, H, W) with the lines of each."""
    panels = [cell(image.repeat(2, 1).repeat(2, 2), LONGEST_SIDE) for image in images]
    lines = max(len(caption) for caption in captions)
    width = max(LEAST_WIDTH, *(panel.shape[1] for panel in panels)) + GAP
    height = max(panel.shape[0] for panel in panels) + lines * LINE + GAP
    rows = -(-len(panels) // columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for place, (panel, caption) in enumerate(zip(panels, captions, strict=True)):
        left, top = GAP + place % columns * width, GAP + place // columns * height
        sheet.paste(Image.fromarray(np.ascontiguousarray(panel)), (left, top))
        for number, text in enumerate(caption):
            short = text
            while font.getlength(short) > width - GAP and len(short) > 1:
                short = short[:-2] + "…"
            draw.text((left, top + panel.shape[0] + number * LINE), short, fill="black", font=font)
    return sheet
