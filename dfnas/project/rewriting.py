"""A YAML file with some values changed and everything else as it was: comments, order, layout."""

from collections.abc import Mapping
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node

Keys = tuple[str, ...]


def rewritten(text: str, changes: Mapping[Keys, Any]) -> str:
    """The text with the values at some places changed.

    Args:
        changes: by the keys that lead there. A key that is missing is added as the first of its section, which has to
            be there.
    """
    root = yaml.compose(text, yaml.SafeLoader)
    edits = [_edit(text, root, keys, value) for keys, value in changes.items()]
    for first, end, new in sorted(edits, reverse=True):
        text = text[:first] + new + text[end:]
    return text


def values(text: str) -> dict[str, Any]:
    """What a YAML text says."""
    return yaml.safe_load(text) or {}


def flow(value: Any) -> str:
    """A value on one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _edit(text: str, root: Node, keys: Keys, value: Any) -> tuple[int, int, str]:
    """First and last character of what is replaced, and by what."""
    node = root
    for depth, key in enumerate(keys):
        assert isinstance(node, MappingNode), f"{keys}: {keys[:depth]} is no section"
        found = next((inner for name, inner in node.value if name.value == key), None)
        if found is None:
            assert depth == len(keys) - 1, f"{keys}: no section {keys[: depth + 1]}"
            return _added(node, key, value)
        node = found
    end = len(text[: node.end_mark.index].rstrip())  # a block ends where the next key begins
    if "\n" in text[node.start_mark.index : end]:
        # Comments behind the last line of a block belong to what follows.
        lines = text[node.start_mark.index : end].split("\n")
        while lines[-1].lstrip().startswith("#"):
            lines.pop()
        end = node.start_mark.index + len("\n".join(lines).rstrip())
    return node.start_mark.index, end, flow(value)


def _added(node: MappingNode, key: str, value: Any) -> tuple[int, int, str]:
    first = node.value[0][0].start_mark
    gap = ", " if node.flow_style else "\n" + " " * first.column
    return first.index, first.index, f"{key}: {flow(value)}{gap}"
