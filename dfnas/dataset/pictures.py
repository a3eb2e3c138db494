"""Files of pictures as they lie about, each as one picture of 8 bits, grey or RGB, as one sees it in a browser.

| in the file | becomes |
| --- | --- |
| grey, also of 1 bit | itself; three equal channels where colours are wanted |
| colours, where grey is wanted | their luma (ITU-R 601), as PIL and torchvision have it |
| 16 bits a channel | 8: 65,535 is white |
| floating point | 0 is black and 1 white; other values are refused |
| integers of 32 bits, or with a sign | refused: nothing says which is white |
| a palette | its colours |
| CMYK, YCbCr, HSV | RGB |
| transparent pixels | laid on white |
| turned by its camera (EXIF) | upright |
| several frames or pages | refused; of a camera's multi-picture file (MPO) the first is the picture |
"""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("JPEG", "MPO", "PNG", "PPM", "BMP", "DIB", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000", "TGA")
"""Those that PIL decodes by itself: for others it starts programs."""
ENDINGS = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".ppm", ".pgm", ".pbm", ".pnm", ".bmp", ".tif", ".tiff", ".webp", ".gif"),
    *(".avif", ".jp2", ".tga"),
)
Image.init()  # or PIL knows half of them
SIXTEEN_BITS = ("PNG", "PPM")
"""Formats whose "integers" (mode I) are of 16 bits."""


def read_picture(path: Path, grey: bool) -> Image.Image:
    """A file as a picture of mode L or RGB.

    Raises:
        ValueError: it has values or frames of which nobody says what to see. What else is wrong with a file leads PIL
            to exceptions of any kind.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large picture is read all the same, and one that is too large is an error
        with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as opened:
            frames = getattr(opened, "n_frames", 1)
            if frames > 1 and opened.format != "MPO":
                raise ValueError(f"has {frames} frames or pages, expected one picture")
            opened.load()
            picture = _eight_bits(ImageOps.exif_transpose(opened), opened.format)
    plain = picture if picture.mode in ("1", "L") else picture.convert("RGB")
    return plain.convert("L" if grey else "RGB")


def _eight_bits(picture: Image.Image, kind: str | None) -> Image.Image:
    """Without depth and transparency, in a mode from which PIL converts to grey and RGB."""
    if picture.mode.startswith("I;16") or (picture.mode == "I" and kind in SIXTEEN_BITS):
        return Image.fromarray(np.round(np.asarray(picture) / 257).astype(np.uint8))
    if picture.mode == "F":
        values = np.asarray(picture)
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            low, high = float(values.min()), float(values.max())
            raise ValueError(f"has floating-point values from {low:g} to {high:g}, expected 0 (black) to 1 (white)")
        return Image.fromarray(np.round(values * 255).astype(np.uint8))
    if picture.mode == "I":
        raise ValueError(
            "has integers of 32 bits or with a sign, of which nothing says which is white; save 8 or 16 bits"
        )
    if picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured).convert("RGB")
    return picture
