"""The sections of a configuration, one per rule under the rule's name, and what follows from them."""

import json
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from dfnas.rules import Rule, rules_with
from dfnas.settings.algorithms import NAMES, short_name
from dfnas.settings.base import Settings
from dfnas.settings.comparison import ComparisonSettings
from dfnas.settings.dataset import (
    CalibrateLabelsSettings,
    ShardDatasetSettings,
    ShardOriginalSettings,
    SynthesisSettings,
)
from dfnas.settings.evaluate import (
    CompareDataSettings,
    EvaluateSettings,
    MeasureLatencySettings,
    MeasureOptionsSettings,
)
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.lookup import LookupSettings, RankArchitecturesSettings
from dfnas.settings.proxies import ScoreArchitecturesSettings
from dfnas.settings.quality import AssessImagesSettings, JudgeImagesSettings
from dfnas.settings.ranks import DerivedSettings
from dfnas.settings.resources import ResourceSettings
from dfnas.settings.search import JudgingSettings, OwnSearchSettings, SearchSettings
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.settings.search_evolution import SearchEvolutionSettings
from dfnas.settings.search_proxyless import SearchProxylessSettings
from dfnas.settings.search_random import SearchRandomSettings
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.settings.search_training_free import SearchTrainingFreeSettings
from dfnas.settings.sources import SYNTHETIC, Data, SourceSettings
from dfnas.settings.teacher import TeacherSettings
from dfnas.settings.training import PretrainTeacherSettings, RetrainSettings
from dfnas.settings.variants import VariantSettings

ROLES = ("verifier", "competitor")
NAMED_SOURCES = ("folder", "cifar10")
"""Sources of original images that name their classes."""


class Sections(Settings):
    """Everything that `config.yaml` may say. The section of an algorithm of the user's is one more, `search_<name>`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OwnSearchSettings]

    results_dir: Annotated[str, Field(min_length=1)] = "results"
    """Folder of everything that is made, in the working directory or elsewhere; `~` and environment variables are
    expanded."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """`auto` (a GPU if there is one), `cpu`, `cuda` (the first free GPU) or `cuda:N` (that one, shared with whatever is
    on it)."""
    teacher: TeacherSettings
    verifier: TeacherSettings | None = None
    """A second pre-trained network on the teacher's task, to judge the synthetic images that it had no part in."""
    competitor: TeacherSettings | None = None
    """A pre-trained network on the teacher's task, for the adversarial term of the inversion."""
    comparison: ComparisonSettings
    synthesis: SynthesisSettings
    pretrain_teacher: PretrainTeacherSettings
    invert_teacher: InvertTeacherSettings
    calibrate_labels: CalibrateLabelsSettings
    assess_images: AssessImagesSettings
    judge_images: JudgeImagesSettings
    shard_dataset: ShardDatasetSettings
    sources: dict[Data, SourceSettings] = Field(default_factory=dict)
    """Synthetic data sets beside `synthetic`, by name. Only those that `comparison` names are made."""
    variants: dict[Data, VariantSettings] = Field(default_factory=dict)
    """Searches with settings of their own, by the name that `comparison.search_data` has for them."""
    shard_original: ShardOriginalSettings
    measure_options: MeasureOptionsSettings = MeasureOptionsSettings()
    search_darts: SearchDartsSettings
    search_proxyless: SearchProxylessSettings
    search_spos: SearchSposSettings
    search_random: SearchRandomSettings
    search_evolution: SearchEvolutionSettings
    search_training_free: SearchTrainingFreeSettings
    retrain: RetrainSettings
    retrain_synthetic: RetrainSettings = RetrainSettings()
    """How networks are trained on synthetic images: what differs from `retrain`, which holds for the original ones."""
    evaluate: EvaluateSettings
    compare_data: CompareDataSettings = CompareDataSettings()
    measure_latency: MeasureLatencySettings
    lookup: LookupSettings | None = None
    """A table with the true accuracy of every architecture, to look found ones up in."""
    rank_architectures: RankArchitecturesSettings = RankArchitecturesSettings()
    score_architectures: ScoreArchitecturesSettings = ScoreArchitecturesSettings()
    resources: dict[str, ResourceSettings] = Field(default_factory=dict)
    """Resources by rule; `default` holds for what a rule does not say."""

    @property
    def rules(self) -> dict[str, Rule]:
        """The rules by name, with those of the user's own algorithms."""
        return rules_with(self.comparison.algorithms)

    def searches(self) -> dict[str, SearchSettings]:
        """The sections of all searches, by rule, whether the comparison has them or not."""
        return {name: section for name, section in self if isinstance(section, SearchSettings)}

    def search(self, algorithm: str, data: str) -> SearchSettings:
        """The section by which an algorithm searches on some data."""
        rule = f"search_{algorithm}"
        own = self.variants[data].searches() if data in self.variants else {}
        return own.get(rule) or self.searches()[rule]

    def images_of(self, data: str) -> str:
        """The data set that searches on some data look at."""
        return self.variants[data].images if data in self.variants else data

    def only_reads(self, rule: str) -> bool:
        """Whether a rule is a search that computes next to nothing: a draw, or what strengths mean."""
        section = getattr(self, rule, None)
        if isinstance(section, DerivedSettings) and section.ranks is None:
            return True
        return isinstance(section, SearchSettings) and not section.on_data

    def checked(self, name: str) -> dict[str, Any]:
        """What `check_spaces` is to see of an algorithm's search, as plain values, under the name of its section: its
        space, budget, downscale and ranks, and whether it judges; of one of the user's its class and all that its
        section says."""
        search = self.searches()[f"search_{name}"]
        section = search.plain()
        judges = isinstance(search, JudgingSettings | SearchTrainingFreeSettings)
        own = [algorithm for algorithm in self.comparison.algorithms if algorithm not in NAMES]
        algorithm = next((each for each in own if short_name(each) == name), None)
        if algorithm is None:
            said = {key: section[key] for key in ("space", "budget", "downscale", "ranks") if key in section}
            return {f"search_{name}": said | {"judges": judges}}
        return {f"search_{name}": {"algorithm": algorithm, "section": section}}

    def synthetic_data(self) -> dict[str, SourceSettings]:
        """The synthetic data sets that the configuration describes, by name."""
        base = {section: getattr(self, section) for section in SourceSettings.model_fields}
        return {SYNTHETIC: SourceSettings(**base), **self.sources}

    def kinds(self) -> dict[str, str]:
        """The kind of each synthetic data set and of each variant: data sets that differ in nothing but seeds are
        independent syntheses of one, and so are the same variant on these. It is called after the first of them."""
        first: dict[str, str] = {}
        sections = {name: _without_seeds(source.plain()) for name, source in self.synthetic_data().items()}
        kinds = {name: first.setdefault(json.dumps(said), name) for name, said in sections.items()}
        for name, variant in self.variants.items():
            searched = variant.plain() | {"images": kinds.get(variant.images, variant.images)}
            kinds[name] = first.setdefault(json.dumps(searched), name)
        return kinds

    @property
    def has_originals(self) -> bool:
        """Whether there are original images at all."""
        return self.shard_original.source != "none"

    def originals(self) -> ShardOriginalSettings:
        """Section `shard_original`; where it leaves the names of the classes out and the source has some of its own,
        with those of the teacher."""
        section, names = self.shard_original, self.teacher.class_names
        if section.class_names is not None or not names or section.source not in NAMED_SOURCES:
            return section
        return section.model_copy(update={"class_names": names})

    def networks(self) -> dict[str, TeacherSettings]:
        """The configured networks beside the teacher, by role."""
        sections = {role: getattr(self, role) for role in ROLES}
        return {role: section for role, section in sections.items() if section is not None}

    def processes_of(self, rule: str) -> int:
        """Processes of a rule's jobs: one on each of their GPUs, where they can share their batches."""
        return max(1, self.resources_of(rule)["gpu"]) if self.rules[rule].shared else 1

    def resources_of(self, rule: str) -> dict[str, Any]:
        """Threads, memory, minutes and GPUs of a rule's jobs."""
        said = [self.resources[name] for name in ("default", rule) if name in self.resources]
        merged = ResourceSettings().plain()
        for given in said:
            merged |= given.model_dump(include=given.model_fields_set)
        return merged


def _without_seeds(said: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What makes a data set, apart from the draws of chance."""
    return {section: {key: value for key, value in keys.items() if key != "seed"} for section, keys in said.items()}
