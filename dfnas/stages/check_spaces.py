"""See, before anything long runs, that the spaces of the searches can be made, that their networks are what they should
be, and that something in them keeps the budgets; and say how large they are."""

import sys
from typing import Any

import torch

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_json
from dfnas.runtime.seeds import python_random
from dfnas.search.algorithm import resolve
from dfnas.search.budget import Budget
from dfnas.search.ranks import further_scores
from dfnas.settings.base import Count, Flag, Settings
from dfnas.settings.ranks import RanksSettings
from dfnas.settings.search import BudgetSettings, JudgingSettings, SearchSettings, SpaceSettings
from dfnas.spaces.contract import check_contract
from dfnas.spaces.costs import CostTable
from dfnas.spaces.names import reference
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space, Task
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import add_task, section, task_of

STAGE = Stage("check_spaces", __doc__, None)
add_task(STAGE)
STAGE.argument(
    "--searches",
    type=section,
    required=True,
    metavar="JSON",
    help="by the name of a search's section: its space (name, options) and, if it has them, budget and downscale, as "
    "there, and whether it `judges`; of an algorithm of your own `algorithm` and all of its `section`",
)
STAGE.output("--out", required=True, help="what the spaces are, JSON")


class CheckedSearch(Settings):
    """What is said of a search whose space is to be checked."""

    space: SpaceSettings
    """Its space."""
    budget: BudgetSettings = BudgetSettings()
    """Its limits, if it has any."""
    downscale: Count = 1
    """What its supernet sees is averaged by."""
    judges: Flag = False
    """Whether it draws architectures within its limits, to judge one by one."""
    ranks: RanksSettings | None = None
    """The training-free scores that it ranks architectures by, if it does."""


def check_spaces(job: Job[None]) -> None:
    task = task_of(job.options)
    checked = {name: checked_space(name, said, task) for name, said in job.options.searches.items()}
    for name, said in checked.items():
        own = job.options.searches[name].get("algorithm")
        job.reads(code=[reference(said["space"]["name"]), *([own] if own else [])])
    write_json(job.options.out, checked | {"provenance": job.provenance()})


def checked_space(name: str, said: dict[str, Any], task: Task) -> dict[str, Any]:
    """What a search chooses from. Raises InputError, naming the search, where its space cannot be made, its networks
    are not what they should be, or its limits on weights and multiply-accumulates cannot be kept, by random draws where
    it draws; milliseconds are known when they have been measured."""
    search = (
        _own_search(name, said) if isinstance(said, dict) and "algorithm" in said else CheckedSearch.parse(said, name)
    )
    described, limits = search.space, search.budget.model_copy(update={"max_latency_ms": 0.0})
    try:
        space = make(described.name, task, described.options)
        check_contract(described.name, space, described.options, search.downscale)
        budget = Budget(space, limits)
        budget.check()
        if isinstance(search, JudgingSettings) or getattr(search, "judges", False):
            budget.sample(python_random(0, "budget"))
        if isinstance(ranks := getattr(search, "ranks", None), RanksSettings):
            _score_one(ranks, described, space)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return {
        "space": described.plain(),
        "choices": len(space.choices),
        "options": sum(map(len, space.choices.values())),
        "macs_m": _range(space, space.macs_table()),
        "params_m": _range(space, space.parameters_table()),
    }


def _score_one(ranks: RanksSettings, described: SpaceSettings, space: Space) -> None:
    """Raises InputError where untrained networks of the space cannot be scored."""
    few = ranks.model_copy(update={"batch_size": 2})
    try:
        scorer = further_scores(few, described, space, 0, torch.device("cpu"))
        scorer.proxies_of(space.sample(python_random(0, "scored")))
    except InputError as error:
        raise InputError(f"{error} (networks are scored untrained for `ranks`; null needs none that can be)") from error


def _own_search(name: str, said: dict[str, Any]) -> SearchSettings:
    """The settings of an algorithm of the user's, in the form of its class. Raises InputError where there is no such
    class, or the section is not of that form."""
    return resolve(said["algorithm"]).settings_type.parse(said["section"], name)


def _range(space: Space, cost: CostTable) -> list[float]:
    """Millions of the cheapest and of the dearest architecture, by the space's own rule."""
    strengths = {choice: torch.tensor(costs, dtype=torch.float64) for choice, costs in cost.options.items()}
    ends = [{choice: sign * values for choice, values in strengths.items()} for sign in (-1, 1)]
    return [round(cost.of(space.discretise(end)) / 1e6, 6) for end in ends]


if __name__ == "__main__":
    sys.exit(STAGE.main(check_spaces))
