"""Search under each of several budgets, on one supernet where the algorithm has one: what is found by the budget.
`python -m dfnas.stages.within_budgets ALGORITHM --help` has the settings of each algorithm.

Settings are those of the search; in place of its budget each of those in `--budgets` holds.
"""

import sys
from typing import Any

from dfnas.artifacts.budgets import FoundWithin
from dfnas.runtime.errors import InputError
from dfnas.runtime.resumable import run
from dfnas.search import collapse
from dfnas.search.algorithm import Search, resolve
from dfnas.search.budget import Budget
from dfnas.search.under_budgets import UnderBudgets
from dfnas.settings.algorithms import reference, short_name
from dfnas.settings.search import BudgetSettings, SearchSettings
from dfnas.settings.sources import NO_DATA
from dfnas.stages.budgets import add_budgets
from dfnas.stages.command import Stage, main_of
from dfnas.stages.job import Job
from dfnas.stages.options import checked_budget
from dfnas.stages.search_inputs import SearchInputs, add_search_inputs, draws, load_search_inputs


class WithinBudgets(Stage[SearchSettings]):
    """The stage of one algorithm."""

    def __init__(self, algorithm: str):
        self.algorithm, self.name_of_algorithm = resolve(algorithm), short_name(algorithm)
        settings, code = self.algorithm.settings_type, (reference(algorithm),)
        super().__init__("within_budgets", __doc__, settings, False, "within_budgets", code)
        self.parser.prog += f" {algorithm}"
        add_search_inputs(self, self.algorithm)
        self.argument("--search-data", default=NO_DATA, metavar="NAME", help="name of the data in the tables")
        add_budgets(self)
        self.output("--out", required=True, help="what was found, a line for each budget, CSV")

    def work(self, job: Job[Any]) -> None:
        """The searches, one after the other."""
        options, settings = job.options, job.settings
        if not options.budgets:
            raise InputError("--budgets is missing: expected a list of budgets in JSON, one at least")
        limited = [limits.max_latency_ms > 0 for limits in options.budgets]
        inputs = load_search_inputs(job, self.algorithm, settings.needs_latency or any(limited))
        within = [checked_budget(inputs.space, limits, inputs.latency) for limits in options.budgets]
        with job.once(budgets=[limits.plain() for limits in options.budgets]) as checkpoint:
            if settings.on_data:

                def start(number: int) -> Search:
                    limits = options.budgets[number]
                    return inputs.start(settings.model_copy(update={"budget": limits}), within[number])

                searches = UnderBudgets(start, len(within))
                run(searches, checkpoint, f"{self.name_of_algorithm} under {len(within)} budgets")
                found = searches.found
            else:
                found = self._drawn(within, options.seed, settings)
            pairs = zip(options.budgets, within, found, strict=True)
            FoundWithin.write(options.out, [self._line(job, inputs, *each) for each in pairs])

    def _drawn(self, within: list[Budget], seed: int, settings: SearchSettings) -> list[dict[str, str]]:
        draw = draws(self.algorithm)
        assert draw is not None, "it looks at no data"
        return [draw(budget, seed, settings) for budget in within]

    def _line(
        self, job: Job[Any], inputs: SearchInputs, limits: BudgetSettings, budget: Budget, found: dict[str, str]
    ) -> FoundWithin:
        space = budget.space
        return FoundWithin(
            algorithm=self.name_of_algorithm,
            search_data=job.options.search_data,
            seed=job.options.seed,
            **limits.plain(),
            architecture=space.to_string(found),
            macs_m=space.macs(found) / 1e6,
            params_m=space.parameters_table().of(found) / 1e6,
            latency_ms=inputs.latency.of(found) if inputs.latency is not None else None,
            collapsed=bool(collapse.judged(space, found)["collapsed"]),
        )


if __name__ == "__main__":
    sys.exit(main_of(WithinBudgets, "within_budgets", __doc__, sys.argv[1:]))
