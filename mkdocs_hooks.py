"""What mkdocs.yml cannot say: pages that lie outside of docs/, files that pages link to, formulas.

Pages are written for the repository, where README.md lies beside docs/ and links lead to any file. In the site
README.md is the start page, a linked file beyond docs/ is copied under files/, and a link that is called by its file,
as [search.md](search.md), is called by the page's title in the navigation.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the root that are pages of the site."""
FOLDER = "files"
WIDE = "---\nhide: [navigation, toc]\n---\n"
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages of the root, and every file beyond docs/ that a page links to."""
    for name, page in PAGES.items():
        content = relinked((ROOT / name).read_text(), ".", titles(config["nav"]))
        files.append(File.generated(config, page, content=WIDE + content if page == "index.md" else content))
    linked = {path for file in files.documentation_pages() for path in _beyond(file.content_string)}
    for path in sorted(linked):
        files.append(File.generated(config, f"{FOLDER}/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Links of a page of docs/ to files beyond it; those of the root's pages lead there already."""
    return markdown if page.file.src_uri in PAGES.values() else relinked(markdown, "docs", titles(config["nav"]))


def titles(navigation: list[Any]) -> dict[str, str]:
    """What the navigation calls each page, by its file."""
    found: dict[str, str] = {}
    for entry in navigation:
        for title, below in entry.items():
            found |= {below: title} if isinstance(below, str) else titles(below)
    return found


def on_page_content(html: str, **_: Any) -> str:
    """Formulas as MathML, which browsers set by themselves."""

    def formula(found: re.Match[str]) -> str:
        tag, text = found.groups()
        if tag == "span":
            return convert(_plain(text).strip())
        return f'<div class="formula">{convert(_plain(text).strip(), display="block")}</div>'

    return FORMULA.sub(formula, html)


def relinked(markdown: str, folder: str, called: dict[str, str]) -> str:
    """Markdown of a file in a folder of the repository, with links as the site has them.

    Args:
        called: titles of pages, see `titles`.
    """

    def link(found: re.Match[str]) -> str:
        text, target = found.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return found.group(0)
        path, mark, anchor = target.partition("#")
        place = _place(posixpath.normpath(posixpath.join(folder, path)))
        if posixpath.basename(text) == posixpath.basename(path):
            text = called.get(place, text)
        return f"[{text}]({place}{mark}{anchor})"

    return LINK.sub(link, markdown)


def _place(path: str) -> str:
    """Where a file of the repository lies in the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return PAGES.get(path) or f"{FOLDER}/{path}"


def _beyond(markdown: str) -> set[str]:
    """The files beyond docs/ that a page leads to, by their places in the repository."""
    found = set()
    for _, target in LINK.findall(markdown):
        path = target.partition("#")[0]
        place = path.removeprefix(f"{FOLDER}/") if path.startswith(f"{FOLDER}/") else posixpath.normpath(f"docs/{path}")
        outside = path.startswith(("../", f"{FOLDER}/")) and not place.startswith("docs/")
        if outside and place not in PAGES and (ROOT / place).is_file():
            found.add(place)
    return found


def _plain(html: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        html = html.replace(entity, character)
    return html
