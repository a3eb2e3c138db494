"""What the report opens on, in reStructuredText: a verdict, the table, and pictures that it holds in itself.

Pictures are data URIs, since the report is one file and takes its front page as text.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from textwrap import wrap

from PIL import Image

from dfnas.artifacts.table1 import Table1Row
from dfnas.tables.rows import figures_of
from dfnas.tables.run import escaped

WIDEST = 1000
"""Pixels of a picture; wider ones are shrunk."""
LINE = 5000
"""Characters of a line: docutils refuses lines of 10,000."""
TEXTS = ("algorithm", "space", "search_data", "retrain_data")
HEADER = ("algorithm", "space", "searched on", "trained on", "{}", "parameters, M", "MACs, M")


def section(title: str, *parts: str) -> str:
    """A part of the page under its title."""
    return "\n\n".join([f"{title}\n{'-' * len(title)}", *parts]) + "\n\n"


def paragraphs(lines: Iterable[str]) -> list[str]:
    """Sentences as paragraphs of their own."""
    return list(map(escaped, lines))


def table(rows: Sequence[Table1Row]) -> str:
    """Table 1 with the columns that matter first: the error, or the agreement with the teacher without any."""
    tested = any(row.top1_error_mean is not None for row in rows)
    header = [title.format("top-1 error, %" if tested else "as the teacher, %") for title in HEADER]
    cells = "".join(_cells(texts) for texts in (header, *map(_texts, rows)))
    return f".. list-table::\n   :header-rows: 1\n\n{cells}"


def picture(path: Path, says: str) -> str:
    """A picture with what it shows, shrunk where it is wide."""
    content = BytesIO()
    with Image.open(path) as image:
        image.thumbnail((WIDEST, WIDEST * 100))
        image.save(content, "PNG")
    lines = wrap(f"data:image/png;base64,{b64encode(content.getvalue()).decode()}", LINE, break_on_hyphens=False)
    uri = "\n   ".join(lines)
    return f".. figure:: {uri}\n\n   {escaped(says)}"


def _texts(row: Table1Row) -> list[str]:
    return [*(escaped(getattr(row, name)) or "–" for name in TEXTS), *figures_of(row)]


def _cells(texts: Sequence[str]) -> str:
    return "".join(f"   {'* -' if place == 0 else '  -'} {text}\n" for place, text in enumerate(texts))
