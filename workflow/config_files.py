"""Reading files of configuration, and what YAML loses or turns into something else on the way without a word.

Snakemake reads them too, before the Snakefile: what no parser takes it refuses itself, without naming file or line. Who
asks this module (`dfnas doctor`) is told both.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from dfnas.runtime.errors import InputError, reason

NUMBERS = {
    "is octal": re.compile(r"[-+]?0[0-7_]+"),
    "counts in sixties": re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"),
}
"""Forms of numbers that YAML 1.1 takes for others than a reader does."""
DIGITS = 1000
"""No number has more: Python itself takes none of several thousand."""
FREE = ("options", "arguments")
"""Keys of the configuration with what constructors of the user's take."""
MERGE, TEMPLATE = "tag:yaml.org,2002:merge", "__use_yte__"
TEXTS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:int"}
"""Kinds of keys that name a section or a setting."""


def read_configuration_file(path: str | Path) -> dict[str, Any]:
    """What a file of configuration says.

    Raises:
        InputError: it is not there, is neither YAML nor JSON, or says something twice or otherwise than it seems.
    """
    check_configuration_file(path)
    try:
        return load_configfile(path)
    except WorkflowError as error:
        raise InputError(f"{path}: {reason(error)}") from error


def check_configuration_file(path: str | Path) -> None:
    """Raises InputError where a file is not read as it seems to be; names the file, the key and the lines."""
    if fault := next(_faults(_composed(Path(path)), ()), None):
        raise InputError(f"{path}, {fault}")


def check_command_line(arguments: list[str]) -> None:
    """Raises InputError where the command line of Snakemake gives a key of the configuration twice, of which the last
    counts, or the option --config itself, of which the last makes all others void. (Its values are texts and no YAML
    1.1: no number in them is read otherwise than it seems.)"""
    split = [
        part
        for argument in arguments
        for part in (argument.split("=", 1) if argument.startswith("--config=") else [argument])
    ]
    options = [place for place, argument in enumerate(split) if argument in ("--config", "-C")]
    if len(options) > 1:
        raise InputError("--config is given twice, and only the last would count; write all of KEY=VALUE after one")
    for place in options:
        given: set[str] = set()
        for argument in split[place + 1 :]:
            key, equals, value = argument.partition("=")
            if not equals or argument.startswith("-"):
                break
            if key in given:
                raise InputError(f"--config {key}=… is given twice, and only the last would count; join the two")
            given.add(key)
            for fault in _faults(_tree(value), (key,)):
                raise InputError(f"--config {argument}: {fault}")


def with_numbers(value: Any, free: bool = False) -> Any:
    """What --config says, where Snakemake leaves all that is nested a text, with the numbers and flags that are meant
    in `options` and `arguments`, whose types no setting knows.

    Args:
        free: whether the value is within one of these.
    """
    if isinstance(value, dict):
        return {key: with_numbers(part, free or key in FREE) for key, part in value.items()}
    if isinstance(value, list):
        return [with_numbers(part, free) for part in value]
    if not free or not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            pass
    return value


def _composed(path: Path) -> Node | None:
    """The nodes of a file's only document, with their places; None for a template, whose keys are code."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"no file {path}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 (byte {error.start + 1}); save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"
        ) from error
    try:
        # JSON may have tabs between its parts, which a YAML parser does not take, and never within a text.
        found = yaml.compose(text.replace("\t", " ") if text.lstrip().startswith("{") else text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path}{_place(error)}: {_problem(error)}") from error
    if found is None:
        raise InputError(f"{path} says nothing; leave it out, or write a section into it")
    if not isinstance(found, MappingNode):
        raise InputError(f"{path}, line 1: expected sections, each a name, a colon and its keys")
    return None if any(key.value == TEMPLATE for key, _ in found.value) else found


def _tree(text: str) -> Node | None:
    """The nodes of a value of the command line, where it is YAML at all."""
    try:
        return yaml.compose(text, yaml.BaseLoader)
    except yaml.YAMLError:
        return None


def _faults(node: Node | None, keys: tuple[str, ...], seen: dict[int, bool] | None = None) -> Iterator[str]:
    """What is read otherwise than it seems, in the order of the file.

    Args:
        keys: that lead to the node.
        seen: nodes that were met, since references may lead to one again and again: whether all of one was looked at.
    """
    seen = {} if seen is None else seen
    if id(node) in seen:
        if not seen[id(node)]:
            yield f"{_line(node)}: '{'.'.join(keys)}' is a reference (*) to what it is part of; write it out"
        return
    seen[id(node)] = False
    yield from _within(node, keys, seen)
    seen[id(node)] = True


def _within(node: Node | None, keys: tuple[str, ...], seen: dict[int, bool]) -> Iterator[str]:
    if isinstance(node, MappingNode):
        yield from _of_keys(node, keys)
        for key, value in node.value:
            yield from _faults(value, (*keys, _text(key)), seen)
    elif isinstance(node, SequenceNode):
        for place, value in enumerate(node.value):
            yield from _faults(value, (*keys, str(place)), seen)
    elif isinstance(node, ScalarNode) and node.style is None and node.tag.endswith((":int", ":float")):
        if len(node.value) > DIGITS:
            yield f"{_line(node)}: {'.'.join(keys)} is a number of {len(node.value)} digits"
        for story, form in NUMBERS.items():
            if form.fullmatch(node.value):
                value = yaml.safe_load(node.value)
                yield (
                    f"{_line(node)}: {'.'.join(keys)} = {node.value} {story} in YAML, which makes it {value}; write "
                    f"{value}, or '{node.value}' in quotes for a text"
                )


def _of_keys(node: MappingNode, keys: tuple[str, ...]) -> Iterator[str]:
    """Keys that stand twice in one section, whatever their type, and such as YAML takes for something else."""
    lines: dict[str, str] = {}
    for key, _ in node.value:
        if key.tag == MERGE:
            continue
        name = ".".join((*keys, _text(key)))
        if key.tag not in TEXTS:
            yield f"{_line(key)}: the key '{name}' is not a text to YAML; write it in quotes"
            continue
        same = {key.value, str(yaml.safe_load(key.value)) if key.tag.endswith(":int") else key.value}
        if first := next((lines[text] for text in same if text in lines), ""):
            where = f"{first} and {_line(key)}"
            yield f"{where}: the key '{name}' is given twice, and only the last would count; join them, or delete one"
        lines |= dict.fromkeys(same, _line(key))


def _text(key: Node) -> str:
    return key.value if isinstance(key, ScalarNode) else "…"


def _line(node: Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return f", line {mark.line + 1}" if mark else ""


def _problem(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    context = str(getattr(error, "context", ""))
    if context.startswith("found duplicate anchor"):
        return f"{context.partition(';')[0]}; name each reference (&) once"
    problem = getattr(error, "problem", None) or reason(error)
    if "'\\t'" in problem:
        return "a tab where YAML wants spaces; replace the tabs"
    if "expected a single document" in str(error):
        return "a second document (---); put all into one"
    advice = "; look at the indentation, and put texts with ': ', '#' or a special first character in quotes"
    return f"{problem}{advice}"
