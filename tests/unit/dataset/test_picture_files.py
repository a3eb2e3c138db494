"""What is seen in files of every kind that people have."""

import numpy as np
import pytest
from PIL import Image

from dfnas.dataset.pictures import read_picture

RAMP = np.array([[0, 64], [128, 255]], np.uint8)
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def seen(path, grey=False) -> list:
    """Pixels by rows: a level, or (R, G, B)."""
    picture = read_picture(path, grey)
    assert picture.mode == ("L" if grey else "RGB")
    pixels = np.asarray(picture)
    return pixels.tolist() if grey else [[tuple(pixel) for pixel in row] for row in pixels.tolist()]


def grey_rgb(levels) -> list:
    return [[(level,) * 3 for level in row] for row in np.asarray(levels).tolist()]


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(path)
    assert seen(path, grey=True) == RAMP.tolist()
    assert seen(path) == grey_rgb(RAMP)


def test_sixteen_bits_of_either_byte_order(tmp_path):
    values = (RAMP.astype(">u2") * 257).astype(">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 2 2 65535\n" + values.tobytes())
    assert seen(tmp_path / "a.pgm", grey=True) == RAMP.tolist()
    big = Image.frombytes("I;16B", (2, 2), values.tobytes())
    big.save(tmp_path / "a.tif")
    assert seen(tmp_path / "a.tif", grey=True) == RAMP.tolist()


def test_floating_point_is_black_at_0_and_white_at_1(tmp_path):
    Image.fromarray(RAMP.astype(np.float32) / 255).save(tmp_path / "a.tif")
    assert seen(tmp_path / "a.tif", grey=True) == RAMP.tolist()


@pytest.mark.parametrize("values", [RAMP.astype(np.float32), RAMP - np.float32(1), RAMP * np.float32("nan")])
def test_floating_point_of_another_range_is_refused(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"floating-point values from .*, expected 0 \(black\) to 1 \(white\)"):
        read_picture(tmp_path / "a.tif", grey=True)


def test_integers_of_32_bits_are_refused(tmp_path):
    Image.fromarray(RAMP.astype(np.int32) * 1000).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="integers of 32 bits or with a sign"):
        read_picture(tmp_path / "a.tif", grey=True)


def test_one_bit_is_black_or_white(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert seen(tmp_path / "a.png", grey=True) == [[255, 0]]
    assert seen(tmp_path / "a.png") == [[WHITE, BLACK]]


def test_one_channel_is_three_equal_ones_and_three_are_their_luma(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    assert seen(tmp_path / "a.png") == grey_rgb(RAMP)
    Image.fromarray(np.array([[RED, GREEN, BLUE]], np.uint8)).save(tmp_path / "b.png")
    assert seen(tmp_path / "b.png", grey=True) == [[76, 150, 29]]  # .299, .587 and .114 of 255


def palette_of(*colours) -> Image.Image:
    picture = Image.new("P", (len(colours), 1))
    picture.putpalette([level for colour in colours for level in colour])
    picture.putdata(range(len(colours)))
    return picture


@pytest.mark.parametrize("ending", ["png", "gif", "bmp", "tif"])
def test_a_palette_is_its_colours_and_not_its_numbers(tmp_path, ending):
    palette_of(RED, BLUE).save(tmp_path / f"a.{ending}")
    assert seen(tmp_path / f"a.{ending}") == [[RED, BLUE]]
    assert seen(tmp_path / f"a.{ending}", grey=True) == [[76, 29]]


def test_transparent_pixels_are_white_whatever_lies_beneath(tmp_path):
    palette_of(RED, BLACK).save(tmp_path / "palette.png", transparency=1)
    assert seen(tmp_path / "palette.png") == [[RED, WHITE]]
    Image.fromarray(np.array([[(*RED, 255), (*BLACK, 0)]], np.uint8)).save(tmp_path / "rgba.png")
    assert seen(tmp_path / "rgba.png") == [[RED, WHITE]]
    grey = Image.new("LA", (2, 1))
    grey.putdata([(0, 255), (0, 0)])
    grey.save(tmp_path / "la.png")
    assert seen(tmp_path / "la.png", grey=True) == [[0, 255]]
    Image.fromarray(np.array([[RED, BLACK]], np.uint8)).save(tmp_path / "colour.png", transparency=BLACK)
    assert seen(tmp_path / "colour.png") == [[RED, WHITE]]


def test_half_transparent_pixels_are_halfway_to_white(tmp_path):
    Image.fromarray(np.array([[(0, 0, 0, 128)]], np.uint8)).save(tmp_path / "a.png")
    assert seen(tmp_path / "a.png", grey=True) == [[127]]


@pytest.mark.parametrize("ending", ["tif", "jpg"])
def test_cmyk_is_seen_in_its_colours(tmp_path, ending):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / f"a.{ending}", quality=100)
    red = np.asarray(read_picture(tmp_path / f"a.{ending}", grey=False)).reshape(-1, 3)
    assert np.abs(red.astype(int) - RED).max() <= 3
    assert np.abs(np.asarray(read_picture(tmp_path / f"a.{ending}", grey=True)).astype(int) - 76).max() <= 3


@pytest.mark.parametrize(("orientation", "expected"), [(1, [[0, 255]]), (3, [[255, 0]]), (6, [[0], [255]])])
def test_a_picture_is_turned_as_its_camera_says(tmp_path, orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "a.png", exif=exif)
    assert seen(tmp_path / "a.png", grey=True) == expected


def test_metadata_that_are_broken_turn_nothing(tmp_path):
    Image.fromarray(RAMP).resize((16, 16)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xffbroken")
    assert read_picture(tmp_path / "a.jpg", grey=True).size == (16, 16)


@pytest.mark.parametrize("ending", ["gif", "tif", "png", "webp"])
def test_several_frames_are_refused(tmp_path, ending):
    frames = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (0, 100, 200)]
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="has 3 frames or pages, expected one picture"):
        read_picture(tmp_path / f"a.{ending}", grey=False)


def test_of_a_multi_picture_file_of_a_camera_the_first_is_the_picture(tmp_path):
    frames = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (50, 200)]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert seen(tmp_path / "a.jpg", grey=True)[0][0] == 50
