"""Digests of the code behind each rule: a parameter of the rule, so that an edit reruns what it concerns."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from configuration import load
from files import Files

from dfnas.classifiers.names import code_of
from dfnas.rules import Code
from dfnas.runtime.code_digest import code_digest
from dfnas.settings import algorithms
from dfnas.settings.labelling import LabelSettings
from dfnas.settings.quality import JudgeImagesSettings
from dfnas.settings.search import SearchSettings, SpaceSettings
from dfnas.settings.sources import NO_DATA, ORIGINAL, training_section
from dfnas.settings.teacher import TeacherSettings
from dfnas.settings.training import FRESH_IMAGES
from dfnas.spaces.names import reference

_digest = cache(code_digest)


class Codes(Files):
    """The files of a configuration, and the code that makes them.

    Args:
        values: the configuration, as Snakemake has laid its files over each other, key by key.
        overlay: what was laid over `config.yaml`.

    Raises:
        InputError: the configuration says something impossible.
    """

    def __init__(self, values: Mapping[str, Any], overlay: Mapping[str, Any]):
        super().__init__(load(values, overlay))
        self.rules = self.config.rules
        self._behind: Mapping[Code, Callable[[str, Any], list[str]]] = {
            "teacher": lambda rule, job: _builders(self.config.teacher),
            "verifier": lambda rule, job: _builders(self.config.verifier),
            "competitor": lambda rule, job: _builders(self.config.competitor if self._competes(job.source) else None),
            "student": lambda rule, job: _builders(self.config.judge_images),
            "role": lambda rule, job: _builders(self.config.networks()[job.role]),
            "labeller": lambda rule, job: _builders(self.config.teacher if self._asks(rule, job) else None),
            "fresh images": lambda rule, job: [FRESH_IMAGES] if self._makes_images(job.retrain_data) else [],
            "algorithm": lambda rule, job: [self._algorithm(rule, job)],
            "own algorithm": lambda rule, job: (
                [self._algorithm(rule, job)] if self._name(rule, job) not in algorithms.NAMES else []
            ),
            "space": lambda rule, job: [reference(self._searched(rule, job).space.name)],
            "timed space": lambda rule, job: [reference(self._spaces()[job.space].name)],
            "ranked space": lambda rule, job: [reference(self.config.search_spos.space.name)],
            "scored space": lambda rule, job: [reference(self.config.search_training_free.space.name)],
            "spaces": lambda rule, job: [reference(search.space.name) for search in self.searches.values()],
        }

    def code(self, rule: str) -> Callable[..., str]:
        """Digest of the code of a rule's job: of the stage, and of what the configuration names for that job alone."""
        record = self.rules[rule]

        def of_job(wildcards: Any) -> str:
            named = {name for kind in record.code for name in self._behind[kind](rule, wildcards)}
            return _digest(record.stage, *sorted(named))

        return of_job

    # What it depends on.

    def _makes_images(self, data: str) -> bool:
        return data != ORIGINAL and self.config.retrain_synthetic.fresh.every_epochs > 0

    def _competes(self, source: str) -> bool:
        return self.sources[source].invert_teacher.competition_weight > 0

    def _spaces(self) -> dict[str, SpaceSettings]:
        """The spaces that are searched, by their digest."""
        return {search.space.digest: search.space for search in self.searches.values()}

    def _asks(self, rule: str, job: Any) -> bool:
        """Whether a job asks the teacher for labels."""
        record = self.rules[rule]
        if not (record.is_search or record.is_supernet or rule == "within_budgets"):
            section: LabelSettings = getattr(self.config, training_section(job.retrain_data))
            return section.asks_teacher
        data = getattr(job, "search_data", NO_DATA)  # a draw has none
        search = self.config.search(self._name(rule, job), data)
        return search.asks_teacher if record.is_supernet else search.asks_teacher_itself

    def _name(self, rule: str, job: Any) -> str:
        """The algorithm that a job is about."""
        record = self.rules[rule]
        return rule.partition("_")[2] if record.is_search or record.is_supernet else job.algorithm

    def _searched(self, rule: str, job: Any) -> SearchSettings:
        return self.searches[f"search_{self._name(rule, job)}"]

    def _algorithm(self, rule: str, job: Any) -> str:
        """The class that a job searches by."""
        name = self._name(rule, job)
        return algorithms.reference(self.algorithms.get(name, name))


def _builders(network: TeacherSettings | JudgeImagesSettings | None) -> list[str]:
    """The code that builds a network, if there is one."""
    return [*code_of(network.builder)] if network else []
