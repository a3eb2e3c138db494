"""The rules of the workflow: one record for each, and everything that is known of it apart from its files.

What Snakemake reserves, which code reruns a rule, what the doctor tries, what resources a configuration may give: all
of it follows from here, and nothing here loads torch. A record has no defaults: a rule that forgets something is an
error where it is written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from dfnas.settings.algorithms import NAMES, short_name

Code = Literal[
    "teacher",  # what builds the teacher
    "verifier",  # the network that judges images beside it, if there is one
    "competitor",  # the second network of the inversion, where the data set's settings ask for it
    "student",  # what builds the network that judges images by learning from them
    "role",  # the network that a job imports
    "labeller",  # the teacher, where it labels the views of a job's batches
    "fresh images",  # the inversion, where a training makes images
    "algorithm",  # the search itself
    "own algorithm",  # the same, where it is the user's
    "space",  # the space of the job's algorithm
    "timed space",  # the space that a job times
    "ranked space",  # that of the supernets that rank architectures
    "scored space",  # that of training-free scores
    "spaces",  # those of all searches: an architecture of any may come
]
"""Code that a configuration names, and that a rule runs: an edit of it reruns the rule."""

OF_ROLE = "role"
"""The section of a network beside the teacher: that of the job's role."""


@dataclass(frozen=True)
class Trial:
    """What the doctor tries of a long rule: a few steps of a job, or where its stage has no steps, all of it."""

    differs_by: tuple[str, ...]
    """The wildcards that the cost of a job depends on: jobs that differ in them are tried one by one."""
    a_few_of: str | None
    """An option with many files of which a trial takes a few, and its time in proportion."""


@dataclass(frozen=True)
class Rule:
    """A rule, apart from its files."""

    name: str
    section: str | None
    """The section of the configuration whose keys are its options; None where it has none."""
    on_device: bool
    """Whether its jobs compute on the device. The others move data about and need not wait for a GPU."""
    shared: bool
    """Whether several processes, one on each GPU, can share a job."""
    code: tuple[Code, ...]
    """What code of the configuration's it runs."""
    starts: float
    """What a job takes beside its steps, in starts of an interpreter that loads torch. The doctor measures these; the
    multiples were measured on 2 cores of an AMD EPYC."""
    trial: Trial | None
    """None where a job takes little more than its start."""

    @property
    def stage(self) -> str:
        """The module of `dfnas.stages` that it runs."""
        if self.is_search:
            return "search"
        return {"import_network": "import_teacher"}.get(self.name, "supernet" if self.is_supernet else self.name)

    @property
    def is_supernet(self) -> bool:
        """Whether it trains the supernet of a search."""
        return self.name.startswith("supernet_")

    @property
    def is_search(self) -> bool:
        """Whether it runs a search algorithm."""
        return self.name.startswith("search_")


DEVICE, ANYWHERE = True, False
TOGETHER, ALONE = True, False
BY_SOURCE, BY_DATA = Trial(("source",), None), Trial(("search_data",), None)
OF_NETWORK = Trial(("algorithm", "retrain_data"), None)
SEARCHED: tuple[Code, ...] = ("algorithm", "space", "labeller")
FOUND: tuple[Code, ...] = ("algorithm", "space")
TRAINED: tuple[Code, ...] = ("spaces", "labeller", "fresh images")

RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("pretrain_teacher", "pretrain_teacher", DEVICE, ALONE, ("teacher",), 1.1, Trial((), None)),
        Rule("import_teacher", "teacher", DEVICE, ALONE, ("teacher",), 1.6, None),
        Rule("import_network", OF_ROLE, DEVICE, ALONE, ("role",), 1.6, None),
        Rule("invert_teacher", "invert_teacher", DEVICE, ALONE, ("teacher", "competitor"), 1.1, BY_SOURCE),
        Rule("calibrate_labels", "calibrate_labels", DEVICE, ALONE, ("teacher",), 1.1, BY_SOURCE),
        Rule("shard_dataset", "shard_dataset", ANYWHERE, ALONE, (), 1.1, None),
        Rule("shard_original", "shard_original", ANYWHERE, ALONE, (), 1.6, None),
        Rule("check_spaces", None, ANYWHERE, ALONE, ("own algorithm", "space"), 1.8, None),
        Rule("measure_options", "measure_options", DEVICE, ALONE, ("timed space",), 8.0, None),
        Rule("supernet_darts", "search_darts", DEVICE, TOGETHER, SEARCHED, 1.1, BY_DATA),
        Rule("supernet_proxyless", "search_proxyless", DEVICE, TOGETHER, SEARCHED, 1.1, BY_DATA),
        Rule("supernet_spos", "search_spos", DEVICE, TOGETHER, SEARCHED, 1.1, BY_DATA),
        Rule("search_darts", "search_darts", DEVICE, ALONE, FOUND, 1.6, BY_DATA),
        Rule("search_proxyless", "search_proxyless", DEVICE, ALONE, FOUND, 1.6, BY_DATA),
        Rule("search_spos", "search_spos", DEVICE, ALONE, SEARCHED, 1.1, BY_DATA),
        Rule("search_random", "search_random", DEVICE, ALONE, SEARCHED, 2.0, BY_DATA),
        Rule("search_evolution", "search_evolution", DEVICE, ALONE, SEARCHED, 1.1, BY_DATA),
        Rule("search_training_free", "search_training_free", DEVICE, ALONE, SEARCHED, 2.0, BY_DATA),
        Rule("within_budgets", None, DEVICE, ALONE, SEARCHED, 1.6, Trial(("algorithm", "search_data"), None)),
        Rule("retrain", "retrain", DEVICE, TOGETHER, TRAINED, 1.1, OF_NETWORK),
        Rule("evaluate", "evaluate", DEVICE, ALONE, ("teacher", "spaces"), 2.0, OF_NETWORK),
        Rule("compare_data", "compare_data", ANYWHERE, ALONE, (), 1.4, None),
        Rule("measure_latency", "measure_latency", DEVICE, ALONE, ("spaces",), 1.1, Trial((), "networks")),
        Rule("assess_images", "assess_images", DEVICE, ALONE, ("teacher", "verifier"), 1.6, BY_SOURCE),
        Rule("judge_images", "judge_images", DEVICE, ALONE, ("teacher", "student"), 1.1, BY_SOURCE),
        Rule("draw_images", None, ANYWHERE, ALONE, (), 1.6, None),
        Rule("draw_labels", None, ANYWHERE, ALONE, (), 1.6, None),
        Rule("draw_search", None, ANYWHERE, ALONE, ("space",), 2.0, None),
        Rule("draw_training", None, ANYWHERE, ALONE, (), 1.6, None),
        Rule("draw_comparison", None, ANYWHERE, ALONE, (), 1.6, None),
        Rule("table1", None, ANYWHERE, ALONE, (), 1.1, None),
        Rule("typeset_table1", None, ANYWHERE, ALONE, (), 1.1, None),
        Rule("export", None, ANYWHERE, ALONE, ("space",), 4.0, None),
        Rule("model_card", None, ANYWHERE, ALONE, ("space",), 1.6, None),
        Rule("lookup", "lookup", ANYWHERE, ALONE, ("spaces",), 1.1, None),
        Rule("rank_architectures", "rank_architectures", DEVICE, ALONE, ("ranked space",), 1.1, BY_DATA),
        Rule("cost_table", "lookup", ANYWHERE, ALONE, ("spaces",), 1.1, None),
        Rule("tabulate_budgets", "lookup", ANYWHERE, ALONE, (), 1.1, None),
        Rule("draw_budgets", None, ANYWHERE, ALONE, (), 1.6, None),
        Rule("tabulate_correlations", "lookup", ANYWHERE, ALONE, (), 1.1, None),
        Rule("score_architectures", "score_architectures", DEVICE, ALONE, ("scored space",), 2.0, BY_DATA),
        Rule("tabulate_lookups", "lookup", ANYWHERE, ALONE, (), 1.1, None),
        Rule("draw_rankings", "lookup", ANYWHERE, ALONE, (), 1.1, None),
        Rule("provenance", None, ANYWHERE, ALONE, (), 1.1, None),
        Rule("describe_run", None, ANYWHERE, ALONE, (), 1.1, None),
    )
}
"""Every rule, by its name."""


def rules_with(algorithms: Iterable[str]) -> dict[str, Rule]:
    """Every rule, with those that search by algorithms of the user's.

    Args:
        algorithms: as `comparison.algorithms` names them.
    """
    names = [f"search_{short_name(algorithm)}" for algorithm in algorithms if algorithm not in NAMES]
    return {**RULES, **{name: Rule(name, name, DEVICE, ALONE, SEARCHED, 2.0, BY_DATA) for name in names}}
