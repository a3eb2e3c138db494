"""The folder of a run: what `results_dir` names."""

from pathlib import Path

from dfnas.runtime.errors import InputError

RECORD = "run.json"
"""The configuration and the packages of the last call that ran anything, as the workflow leaves them."""
SIGNS = (RECORD, "teacher", "dataset", "synthesis", "search", "retrain", "evaluate", "lookup", "table1.csv")
"""Of which a run, however young, has at least one."""


class RunFolder:
    """A run, finished or not.

    Args:
        path: its folder of results.

    Raises:
        InputError: there is no such folder, or nothing of a run in it.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(
                f"no folder {path}; give a folder of results, which results_dir of the configuration names"
            )
        if not any((self.path / name).exists() for name in SIGNS):
            inside = self.path / "results"
            advice = f"; did you mean {inside}?" if inside.is_dir() else f": none of {', '.join(SIGNS)} is there"
            raise InputError(f"{path} holds no results of dfnas{advice}")

    def files(self, pattern: str) -> list[Path]:
        """The files that a pattern matches, in order of their names."""
        return sorted(path for path in self.path.glob(pattern) if path.is_file())

    def parts(self, path: Path) -> tuple[str, ...]:
        """Where a file lies in the run: the names of its folders, then its own."""
        return path.relative_to(self.path).parts

    def file(self, name: str) -> Path | None:
        """The file of that name, if there is one."""
        path = self.path / name
        return path if path.is_file() else None
