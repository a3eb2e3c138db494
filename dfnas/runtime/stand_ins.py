"""Stand-ins for what a checkpoint of others holds beside its tensors: a script's arguments, paths, numbers of NumPy,
dates, a whole pickled model.

torch's `weights_only` reader takes a name in a pickle for a key in a table of what is allowed. Here each name that it
does not know gets an empty class of ours in that table. Nothing that the file names is looked up, imported or called:
its objects are left out, and of a pickled model only the tensors are kept.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MOST = 200
"""Names. A training's checkpoint has some dozens."""
OF_A_MODULE = ("_parameters", "_buffers", "_modules")
"""What the pickle of a torch module holds its tensors in."""
NOT_SAVED = "_non_persistent_buffers_set"


class StandIn(list[Any]):
    """An object that was left out. Of a torch module it keeps the tensors and the modules inside, and else nothing."""

    name = ""
    """What the file calls its class, with the module."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "StandIn":
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, Mapping) and all(isinstance(state.get(part), Mapping) for part in OF_A_MODULE):
            left_out = state.get(NOT_SAVED)
            kept = {part: state[part] for part in OF_A_MODULE}
            super().append(kept | {NOT_SAVED: left_out if isinstance(left_out, set) else set()})

    def append(self, item: Any) -> None:
        """Leaves out what the pickle puts into a list of its own kind."""

    extend = append
    # As a key of a dictionary it is one of its own.
    __eq__, __hash__ = object.__eq__, object.__hash__  # type: ignore[assignment]  # lists have no hash

    @property
    def is_module(self) -> bool:
        return len(self) == 1

    def tensors(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Names and values of what `state_dict` would give for a module that came without circles."""
        (parts,) = self
        for part in ("_parameters", "_buffers"):
            for name, value in parts[part].items():
                if value is not None and name not in parts[NOT_SAVED]:
                    yield f"{prefix}{name}", value
        for name, module in parts["_modules"].items():
            if isinstance(module, StandIn) and module.is_module:
                yield from module.tensors(f"{prefix}{name}.")


class _Dictionary(StandIn):
    """In place of a kind of dictionary: a plain one, whose content is kept."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return OrderedDict()


def stand_in(name: str, is_dictionary: bool = False) -> type:
    """A class of its own for a name, by which an error can tell which one it was."""
    return type(f"<{name}>", (_Dictionary if is_dictionary else StandIn,), {"name": name})


def strangers(path: Path) -> dict[str, type]:
    """Stand-ins for the classes and functions that a checkpoint names and torch does not know; none where that cannot
    be told. Reads the pickle's instructions, and follows none."""
    import torch

    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # older formats, and whatever the broken bytes lead it to, which the reader says better
        return {}
    return {name: stand_in(name) for name in names[:MOST]}


def admitted(error: BaseException | None, kinds: Mapping[str, type]) -> dict[str, type]:
    """What else to let stand in, by what torch's reader has complained of; nothing if that would not help."""
    story = str(error)
    if len(kinds) >= MOST:
        return {}
    if unknown := re.search(r"GLOBAL (\S+) was not an allowed", story):
        name = unknown[1] if "." in unknown[1] else f"builtins.{unknown[1]}"  # where torch leaves out the module
        return {} if name in kinds else {name: stand_in(name)}
    wrong = re.search(r"Can only SETITEMS? .*<([^<>]+)>'>", story)
    if wrong and wrong[1] in kinds and not issubclass(kinds[wrong[1]], _Dictionary):
        return {wrong[1]: stand_in(wrong[1], is_dictionary=True)}
    return {}
