"""A chain as a block diagram: blocks in rows, read like a text, the blocks of a stage in a frame."""

from collections.abc import Iterator, Mapping, Sequence

from dfnas.pictures.drawing import NOTE_SIZE, PADDING, Box, Drawing, Wire, readable, shade, text_width, tint
from dfnas.spaces.layout import Chain, Position, Stage

BLOCK_HEIGHT, GAP, FRAME_TITLE, ROW_GAP = 0.46, 0.2, 0.26, 0.22
"""Inches: of a block, between two blocks, for the title of a frame, between two rows."""
LONGEST_ROW, ROW_WIDTH = 10, 14.0
"""Blocks of a row at most, and about its inches where blocks are wide."""
MARGIN = 0.3
"""Inches beside the rows, for the way from the end of one to the start of the next."""


def rows(stages: Sequence[Stage], longest: int) -> list[list[Stage]]:
    """The stages in rows of at most `longest` blocks. A stage stays whole where it fits into a row; longer ones are
    cut, and what follows the cut has no title."""
    found: list[list[Stage]] = [[]]
    room = longest
    for stage in stages:
        for part in _cut(stage, longest):
            if len(part.blocks) > room and found[-1]:
                found.append([])
                room = longest
            found[-1].append(part)
            room -= len(part.blocks)
    return found


def draw_chain(chain: Chain, architecture: Mapping[str, str], colours: Mapping[str, str]) -> Drawing:
    """The drawing of a chain.

    Args:
        colours: of every option.
    """
    width = max(_width(block, architecture, chain) for stage in chain.stages for block in stage.blocks)
    placed = rows(chain.stages, max(1, min(LONGEST_ROW, int(ROW_WIDTH / (width + GAP)))))
    row_height = FRAME_TITLE + BLOCK_HEIGHT + PADDING
    height = len(placed) * (row_height + ROW_GAP) - ROW_GAP
    boxes, wires, last, right = [], [], None, 0.0
    for row, stages in enumerate(placed):
        base = height - row * (row_height + ROW_GAP) - row_height
        left = MARGIN
        for stage in stages:
            inner = len(stage.blocks) * (width + GAP) - GAP
            frame = max(inner, text_width(stage.title)) + 2 * PADDING
            boxes.append(Box(left, base, frame, row_height, "", stage.title, colour="#F2F2F2", border="none"))
            for i, block in enumerate(stage.blocks):
                x = left + PADDING + i * (width + GAP)
                box = _box(block, x, base + PADDING, width, architecture, chain, colours)
                if last is not None:
                    wires.append(_wire(last, box, base + row_height + ROW_GAP / 2))
                boxes.append(box)
                last = box
            left += frame + GAP
        right = max(right, left - GAP + MARGIN)
    return Drawing(right, height, tuple(boxes), tuple(wires))


def _cut(stage: Stage, longest: int) -> Iterator[Stage]:
    for start in range(0, len(stage.blocks), longest):
        yield Stage("" if start else stage.title, stage.blocks[start : start + longest])


def _texts(block: Position, architecture: Mapping[str, str], chain: Chain) -> tuple[str, str]:
    """What a block is, and the note below: its name within its stage and its size, as far as they are known."""
    option = block.name if block.choice is None else architecture[block.choice]
    if block.choice is not None and option == chain.absent:
        return readable(option), "left out"
    notes = [] if block.channels is None else [f"{block.channels} ch"]
    notes += [] if block.stride in (None, 1) else [f"stride {block.stride}"]
    if not notes and block.choice is not None:
        notes = [block.choice.rpartition("/")[2]]
    return readable(option), ", ".join(notes)


def _width(block: Position, architecture: Mapping[str, str], chain: Chain) -> float:
    text, note = _texts(block, architecture, chain)
    return max(text_width(text), text_width(note, NOTE_SIZE)) + 2 * PADDING


def _box(
    block: Position,
    x: float,
    y: float,
    width: float,
    architecture: Mapping[str, str],
    chain: Chain,
    colours: Mapping[str, str],
) -> Box:
    text, note = _texts(block, architecture, chain)
    if block.choice is None:
        return Box(x, y, width, BLOCK_HEIGHT, text, note, "#D9D9D9")
    if architecture[block.choice] == chain.absent:
        return Box(x, y, width, BLOCK_HEIGHT, text, note, dashed=True)
    colour = colours[architecture[block.choice]]
    return Box(x, y, width, BLOCK_HEIGHT, text, note, tint(colour), shade(colour))


def _wire(before: Box, after: Box, between: float) -> Wire:
    """To the next block: straight on, or at a row's end back to the start of the next through the gap above it."""
    start, end = (before.x + before.width, before.middle[1]), (after.x, after.middle[1])
    if start[1] == end[1]:
        return Wire((start, end))
    out, back = start[0] + MARGIN - PADDING, end[0] - MARGIN + PADDING / 2
    return Wire((start, (out, start[1]), (out, between), (back, between), (back, end[1]), end))
