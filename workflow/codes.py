"""Digests of the code behind each rule: a parameter of the rule, so that an edit reruns what it concerns."""

from collections.abc import Callable, Mapping
from typing import Any

from configuration import SEARCHES, load
from files import Files, digest_of

from dfnas.classifiers.names import code_of
from dfnas.runtime.code_digest import code_digest
from dfnas.settings.config import RULES
from dfnas.settings.quality import JudgeImagesSettings
from dfnas.settings.search import SpaceSettings
from dfnas.settings.sources import ORIGINAL, training_section
from dfnas.settings.teacher import TeacherSettings
from dfnas.settings.training import FRESH_IMAGES
from dfnas.spaces.names import reference

# The stage behind a rule, where it has another name.
STAGES = {"import_network": "import_teacher"}
# Rules that run the teacher's code, which a section of the configuration names.
USES_TEACHER = (
    "pretrain_teacher",
    "import_teacher",
    "invert_teacher",
    "calibrate_labels",
    "assess_images",
    "judge_images",
)


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
        self.code = {rule: code_digest(STAGES.get(rule, rule), *self._references(rule)) for rule in RULES}

    def training_code(self, wildcards: Any) -> str:
        """Digest of the code of a training."""
        asked = self.labelling_teacher(training_section(wildcards.retrain_data))
        teacher = self._builders(self.config.teacher) if asked else []
        fresh = [FRESH_IMAGES] if self._makes_images(wildcards.retrain_data) else []
        return code_digest("retrain", *sorted({*teacher, *fresh, *self._references("retrain")}))

    def inversion_code(self, wildcards: Any) -> str:
        """Digest of the code that inverts the teacher for a synthetic data set."""
        competitor = self.config.competitor if self._competes(wildcards.source) else None
        return code_digest("invert_teacher", *self._builders(self.config.teacher, competitor))

    def imported_code(self, wildcards: Any) -> str:
        """Digest of the code that imports the network in a role: that of no other role."""
        return code_digest("import_teacher", *code_of(self.config.networks()[wildcards.role].builder))

    def code_on_space(self, rule: str) -> Callable[..., str]:
        """Digest of the code of a job that is about one algorithm: that of no other algorithm's space."""

        def of_algorithm(wildcards: Any) -> str:
            return code_digest(rule, reference(getattr(self.config, f"search_{wildcards.algorithm}").space.name))

        return of_algorithm

    def timed_code(self, wildcards: Any) -> str:
        """Digest of the code that times that space: of no other."""
        return code_digest("measure_options", reference(self._spaces()[wildcards.space].name))

    # What it depends on.

    def _makes_images(self, data: str) -> bool:
        return data != ORIGINAL and self.config.retrain_synthetic.fresh.every_epochs > 0

    def _competes(self, source: str) -> bool:
        return self.sources[source].invert_teacher.competition_weight > 0

    def _spaces(self) -> dict[str, SpaceSettings]:
        """The spaces that are searched, by their digest."""
        spaces = [getattr(self.config, rule).space for rule in SEARCHES]
        return {digest_of(space): space for space in spaces}

    def _references(self, rule: str) -> list[str]:
        if rule in SEARCHES:
            teacher = self._builders(self.config.teacher) if self.labelling_teacher(rule) else []
            return sorted({reference(getattr(self.config, rule).space.name), *teacher})
        if rule in USES_TEACHER:
            beside = {"assess_images": self.config.verifier, "judge_images": self.config.judge_images}
            return self._builders(self.config.teacher, beside.get(rule))
        if rule == "rank_architectures":
            return [reference(self.config.search_spos.space.name)]
        if rule in ("retrain", "evaluate", "measure_latency", "lookup"):
            teacher = self._builders(self.config.teacher) if rule == "evaluate" else []
            return sorted({*teacher, *(reference(getattr(self.config, search).space.name) for search in SEARCHES)})
        return []

    @staticmethod
    def _builders(*networks: TeacherSettings | JudgeImagesSettings | None) -> list[str]:
        """The code that builds some networks, of which there may be fewer."""
        return sorted({name for network in networks if network for name in code_of(network.builder)})
