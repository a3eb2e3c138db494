"""What searches found under budgets, written by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dfnas.artifacts.budgets import FoundWithin
from dfnas.settings.search import BudgetSettings


def made_up_finds(
    results: Path, searches: Sequence[str], budgets: Sequence[dict], find: Callable[[str, float], tuple[str, float]]
) -> None:
    """Writes the budgets.csv of searches.

    Args:
        searches: algorithm/data/seed-n of each.
        find: of a search and a limit in millions of multiply-accumulates, 0 for none, the architecture and its cost.
    """
    for search in searches:
        algorithm, data, seed = search.split("/")
        lines = []
        for budget in budgets:
            limits = BudgetSettings(**budget).plain()
            architecture, macs = find(search, limits["max_macs_m"])
            lines.append(
                FoundWithin(
                    algorithm=algorithm,
                    search_data=data,
                    seed=int(seed.removeprefix("seed-")),
                    **limits,
                    architecture=architecture,
                    macs_m=macs,
                    params_m=0.1,
                    collapsed=False,
                )
            )
        path = results / "search" / search / "budgets.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        FoundWithin.write(path, lines)
