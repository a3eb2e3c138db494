"""Pages of HTML that stand alone: style and script inside, nothing fetched, tables that a click on a heading sorts."""

import html
from collections.abc import Iterable, Sequence

STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; color: #1e293b; background: #fff; margin: 2rem; max-width: 84rem }
h1 { font-size: 1.4rem; margin: 0 0 .6rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem }
p, ul { max-width: 50rem } li { margin: .3rem 0 }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .42rem; border-bottom: 1px solid #e2e8f0; text-align: left; vertical-align: top }
th { border-bottom: 2px solid #64748b; vertical-align: bottom }
.number { text-align: right } td.number, .path { white-space: nowrap }
.sortable th { cursor: pointer } .sortable th:hover { background: #e2e8f0 }
th[aria-sort=ascending]::after { content: " \\25B2" } th[aria-sort=descending]::after { content: " \\25BC" }
tbody tr:hover { background: #f1f5f9 }
code, pre { font: 13px/1.4 ui-monospace, monospace } pre { background: #f8fafc; padding: .6rem; overflow-x: auto }
summary { cursor: pointer } .good { color: #166534 } .bad { color: #b91c1c; font-weight: bold }
"""
SCRIPT = r"""
for (const table of document.querySelectorAll(".sortable")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => head.addEventListener("click", () => {
    const falling = head.getAttribute("aria-sort") === "ascending";
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const text = row => row.cells[place].textContent;
    const number = row => parseFloat((text(row).match(/[-+]?[0-9.]+/) || [""])[0]);
    const numeric = head.classList.contains("number");
    const compare = numeric ? (a, b) => number(a) - number(b) : (a, b) => text(a).localeCompare(text(b));
    const known = row => !numeric || !isNaN(number(row));
    const rows = [...body.rows], sorted = rows.filter(known).sort(compare);
    body.append(...(falling ? sorted.reverse() : sorted), ...rows.filter(row => !known(row)));
  }));
}
"""


def escaped(text: object) -> str:
    """Text of which no character is taken for markup."""
    return html.escape(str(text))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: int) -> str:
    """A table that sorts itself by the column whose heading is clicked, and in the other direction when it is clicked
    again. What is not a number stands last in a column of numbers.

    Args:
        header: HTML already, as are the cells of `rows`.
        texts: how many columns, from the left, are text; the rest are numbers, of a cell the first.
    """
    head = _row("th", header, texts)
    body = "\n".join(_row("td", cells, texts) for cells in rows)
    return f'<div class="wide"><table class="sortable"><thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table></div>\n'


def page(title: str, *parts: str) -> str:
    """A page.

    Args:
        title: plain text.
        parts: HTML, below each other.
    """
    body = "\n".join(parts)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escaped(title)}</title><style>{STYLE}</style></head>
<body><h1>{escaped(title)}</h1>
{body}
<script>{SCRIPT}</script></body></html>
"""


def paragraph(text: str) -> str:
    """A paragraph of HTML."""
    return f"<p>{text}</p>"


def _row(tag: str, cells: Sequence[str], texts: int) -> str:
    kinds = ("" if place < texts else ' class="number"' for place in range(len(cells)))
    return f"<tr>{''.join(f'<{tag}{kind}>{cell}</{tag}>' for cell, kind in zip(cells, kinds, strict=True))}</tr>"
