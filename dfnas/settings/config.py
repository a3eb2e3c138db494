"""The whole configuration: one section per rule, under the rule's name, and what spans rules."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from dfnas.rules import Rule, rules_with
from dfnas.runtime.errors import InputError
from dfnas.settings.algorithms import NAMES, short_name
from dfnas.settings.base import Count, CountOrZero, Flag, Seed, Settings
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
from dfnas.settings.quality import AssessImagesSettings, JudgeImagesSettings
from dfnas.settings.search import OwnSearchSettings, SearchSettings
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.settings.search_evolution import SearchEvolutionSettings
from dfnas.settings.search_proxyless import SearchProxylessSettings
from dfnas.settings.search_random import SearchRandomSettings
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.settings.sources import ORIGINAL, RESERVED, SYNTHETIC, Data, SourceSettings, lay_over_base, training_section
from dfnas.settings.teacher import TeacherSettings
from dfnas.settings.training import PretrainTeacherSettings, RetrainSettings

ROLES = ("verifier", "competitor")
NAMED_SOURCES = ("folder", "cifar10")
"""Sources of original images that name their classes."""


def _algorithm(text: str) -> str:
    short_name(text)
    return text


class ComparisonSettings(Settings):
    """Section `comparison`: the rows of Table 1."""

    algorithms: Annotated[tuple[Annotated[str, AfterValidator(_algorithm)], ...], Field(min_length=1)] = (
        "darts",
        "proxyless",
        "spos",
        "random",
    )
    """Algorithms that search: `darts`, `proxyless`, `spos`, `random`, `evolution`, or your own as `module:name` or
    `file.py:name`, with a section `search_<name>` (docs/extending.md). `random` and `evolution` are baselines without a
    supernet; `random` looks at no data unless search_random.draws is above 1."""
    search_data: Annotated[tuple[Data, ...], Field(min_length=1)] = (ORIGINAL, SYNTHETIC)
    """Data to search on, each algorithm on each: `original`, `synthetic` or a name of `sources`."""
    retrain_data: tuple[Data, ...] = (ORIGINAL,)
    """Data to train the found architectures on, each on each; the same names. None are needed with `lookup`."""
    seeds: Annotated[tuple[Annotated[Seed, Field(ge=0)], ...], Field(min_length=1)] = (0, 1, 2)
    """Every search and its retraining runs once with each."""
    judge_images: Flag = False
    """Judge the synthetic images by original test images as well. Nothing is made from the result."""

    @model_validator(mode="after")
    def _no_repeats(self) -> "ComparisonSettings":
        for name in ("algorithms", "search_data", "retrain_data", "seeds"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} repeats a value: {', '.join(map(str, values))}")
        if len(set(self.names)) < len(self.algorithms):
            raise ValueError(f"algorithms has two of one name: {', '.join(self.names)}; call a class otherwise")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """What the algorithms are called in tables and folders, in their order."""
        return tuple(map(short_name, self.algorithms))


class ResourceSettings(Settings):
    """What a job of a rule may use."""

    threads: Count = 1
    """Threads of a job. Part of what determines its result on a CPU: sums are split by threads."""
    mem_mb: Count = 2000
    """Memory in megabytes. A job that is tried again gets twice as much, then three times."""
    runtime: Count = 60
    """Minutes; as many more when a job is tried again."""
    max_mem_mb: CountOrZero = 0
    """The most memory that any try asks for, in megabytes: what the largest node has. 0 is no limit."""
    max_runtime: CountOrZero = 0
    """The most minutes that any try asks for: what the partition allows. 0 is no limit."""
    gpu: CountOrZero = 0
    """GPUs. A job of `retrain`, `search_darts`, `search_proxyless` or `search_spos` with several works on all of them,
    a process on each; with `device: cpu` there are as many processes on the CPU."""


class Config(Settings):
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
    shard_original: ShardOriginalSettings
    measure_options: MeasureOptionsSettings = MeasureOptionsSettings()
    search_darts: SearchDartsSettings
    search_proxyless: SearchProxylessSettings
    search_spos: SearchSposSettings
    search_random: SearchRandomSettings
    search_evolution: SearchEvolutionSettings
    retrain: RetrainSettings
    retrain_synthetic: RetrainSettings = RetrainSettings()
    """How networks are trained on synthetic images: what differs from `retrain`, which holds for the original ones."""
    evaluate: EvaluateSettings
    compare_data: CompareDataSettings = CompareDataSettings()
    measure_latency: MeasureLatencySettings
    lookup: LookupSettings | None = None
    """A table with the true accuracy of every architecture, to look found ones up in."""
    rank_architectures: RankArchitecturesSettings = RankArchitecturesSettings()
    resources: dict[str, ResourceSettings] = Field(default_factory=dict)
    """Resources by rule; `default` holds for what a rule does not say."""

    @classmethod
    def parse(cls, values: Any, section: str = "") -> Self:
        """See `Settings.parse`. What a source does not say, it has from the base sections, and `retrain_synthetic` from
        `retrain`."""
        if isinstance(values, Mapping):
            own = _own_searches(values)
            known = (*cls.model_fields, *own)
            for name in values:
                if name not in known:
                    raise InputError(f"unknown key '{name}'; expected one of {', '.join(known)}")
            for name, algorithm in own.items():
                if name not in values:
                    raise InputError(
                        f"comparison.algorithms names '{algorithm}', and there is no section {name}; give it one, with "
                        "the space at least"
                    )
        return super().parse(lay_over_base(values), section)

    @model_validator(mode="after")
    def _data_are_known(self) -> "Config":
        if not self.comparison.retrain_data and self.lookup is None:
            raise ValueError(
                "comparison.retrain_data is empty, and there is no section lookup; expected data to train what is "
                "found on, or a table to look it up in"
            )
        for name in self.sources:
            if name in RESERVED:
                raise ValueError(f"sources.{name}: the name is taken; expected another than {', '.join(RESERVED)}")
        known = (ORIGINAL, *self.synthetic_data())
        for key in ("search_data", "retrain_data"):
            for name in getattr(self.comparison, key):
                if name not in known:
                    raise ValueError(
                        f"comparison.{key} = {name!r}: no such data; expected {', '.join(known)}, or add it to sources"
                    )
        return self

    @model_validator(mode="after")
    def _resources_are_of_rules(self) -> "Config":
        for name in self.resources:
            if name not in ("default", *self.rules):
                raise ValueError(
                    f"resources.{name}: no such rule; expected 'default' or one of {', '.join(self.rules)}"
                )
        return self

    @model_validator(mode="after")
    def _gpus_share_the_batches(self) -> "Config":
        trainings = dict.fromkeys(map(training_section, self.comparison.retrain_data), "retrain")
        searches = [f"search_{name}" for name in self.comparison.names]
        shared = {name: name for name in searches if self.rules[name].shared}
        for name, rule in {**trainings, **shared}.items():
            self._check_shares(name, rule, self.resources_of(rule)["gpu"])
        return self

    def _check_shares(self, name: str, rule: str, count: int) -> None:
        """Raises ValueError where the jobs of a rule cannot share the batches of a section among `count` GPUs."""
        settings = getattr(self, name)
        fewest = 2 * max(count, 1)
        if settings.teacher_statistics == "batch" and settings.batch_size < fewest:
            raise ValueError(
                f"{name}.teacher_statistics = batch needs a batch_size of at least {fewest}, not "
                f"{settings.batch_size}: one image has no statistics"
            )
        if count < 2:
            return
        if settings.batch_size % count:
            raise ValueError(
                f"{name}.batch_size ({settings.batch_size}) must be a multiple of resources.{rule}.gpu ({count}): "
                "every GPU takes an equal share of a batch"
            )
        if getattr(settings, "sync_batch_norm", False) and self.device == "cpu":
            raise ValueError(f"{name}.sync_batch_norm needs GPUs, and device is cpu; set it to false")
        if self.device.startswith("cuda:"):
            raise ValueError(
                f"device = {self.device} is one GPU, and resources.{rule}.gpu is {count}; expected auto, cuda or cpu"
            )

    @model_validator(mode="after")
    def _originals_are_not_made(self) -> "Config":
        if self.retrain.fresh.every_epochs:
            raise ValueError(
                "retrain.fresh.every_epochs is about synthetic images, and section retrain about original ones; say it "
                "in retrain_synthetic"
            )
        sources = self.synthetic_data()
        starts = [
            name for name in self.comparison.retrain_data if name in sources and not sources[name].invert_teacher.stages
        ]
        if self.retrain_synthetic.fresh.every_epochs and starts:
            raise ValueError(
                f"retrain_synthetic.fresh.every_epochs makes images as those of '{starts[0]}' were made, which "
                "comparison.retrain_data names, and these took no step: its invert_teacher.stages is empty; leave one "
                "out"
            )
        return self

    @model_validator(mode="after")
    def _networks_share_the_task(self) -> "Config":
        for role, section in self.networks().items():
            if section.weights is None:
                raise ValueError(f"{role}.weights is missing: expected the checkpoint of a pre-trained network")
            for name in ("classes", "channels", "size"):
                theirs, ours = getattr(section, name), getattr(self.teacher, name)
                if None not in (theirs, ours) and theirs != ours:
                    raise ValueError(f"{role}.{name} ({theirs}) must be that of the teacher ({ours})")
        return self

    @model_validator(mode="after")
    def _originals_fit_the_teacher(self) -> "Config":
        # A teacher that is imported may do without originals, and the section then says nothing of it.
        channels = self.teacher.channels  # whatever is left out of the section, its weights say
        if self.teacher.weights is None and channels is not None and len(self.shard_original.mean) != channels:
            raise ValueError(
                f"shard_original.mean has {len(self.shard_original.mean)} channels, "
                f"expected those of the teacher ({channels})"
            )
        original = (len(self.shard_original.mean), self.shard_original.size)
        if self.comparison.judge_images and original != (self.teacher.channels, self.teacher.size):
            raise ValueError(
                "comparison.judge_images needs original test images that the teacher takes: shard_original has "
                f"{original[0]} channels of size {original[1]}, expected {self.teacher.channels} of {self.teacher.size}"
            )
        return self

    @model_validator(mode="after")
    def _searches_fit_the_teacher(self) -> "Config":
        for name, section in self.searches().items():
            if any(side % section.downscale for side in self.teacher.size or ()):
                raise ValueError(
                    f"{name}.downscale ({section.downscale}) must divide teacher.size "
                    f"{' x '.join(map(str, self.teacher.size))}"
                )
        return self

    @model_validator(mode="after")
    def _syntheses_fit_the_teacher(self) -> "Config":
        for name, source in self.synthetic_data().items():
            self._check_synthesis("" if name == SYNTHETIC else f"sources.{name}.", source)
        return self

    def _check_synthesis(self, place: str, source: SourceSettings) -> None:
        """Raises ValueError where a data set's sections do not agree with each other or with the teacher.

        Args:
            place: what to put before their names.
        """
        images, batch_size = source.synthesis.images, source.invert_teacher.batch_size
        if images % batch_size:
            raise ValueError(
                f"{place}synthesis.images ({images}) must be a multiple of "
                f"{place}invert_teacher.batch_size ({batch_size})"
            )
        if source.synthesis.shards > images // batch_size:
            raise ValueError(
                f"{place}synthesis.shards ({source.synthesis.shards}) must not exceed the batches of a generation "
                f"({images // batch_size}: {place}synthesis.images by {place}invert_teacher.batch_size)"
            )
        if self.teacher.classes is not None and images < self.teacher.classes:
            raise ValueError(
                f"{place}synthesis.images ({images}) must not be below teacher.classes ({self.teacher.classes}): "
                "every class needs an image"
            )
        inversion = source.invert_teacher
        if inversion.competition_weight and self.competitor is None:
            raise ValueError(
                f"{place}invert_teacher.competition_weight is above 0, but there is no section 'competitor'"
            )
        if inversion.targets == "one_class" and (images // batch_size) % self.teacher.classes:
            raise ValueError(
                f"{place}invert_teacher.targets = one_class needs equally many batches of every class: "
                f"{place}synthesis.images ({images}) must be a multiple of {self.teacher.classes * batch_size}"
            )
        for stage in inversion.stages:
            if any(side % stage.downscale for side in self.teacher.size or ()):
                raise ValueError(
                    f"{place}invert_teacher.stages: downscale {stage.downscale} must divide teacher.size "
                    f"{' x '.join(map(str, self.teacher.size))}"
                )

    @property
    def rules(self) -> dict[str, Rule]:
        """The rules by name, with those of the user's own algorithms."""
        return rules_with(self.comparison.algorithms)

    def searches(self) -> dict[str, SearchSettings]:
        """The sections of all searches, by rule, whether the comparison has them or not."""
        return {name: section for name, section in self if isinstance(section, SearchSettings)}

    def checked(self, name: str) -> dict[str, Any]:
        """What `check_spaces` is to see of an algorithm's search, as plain values, under the name of its section: its
        space and budget; of one of the user's its class and all that its section says."""
        section = self.searches()[f"search_{name}"].plain()
        own = [algorithm for algorithm in self.comparison.algorithms if algorithm not in NAMES]
        algorithm = next((each for each in own if short_name(each) == name), None)
        if algorithm is None:
            return {f"search_{name}": {key: section[key] for key in ("space", "budget")}}
        return {f"search_{name}": {"algorithm": algorithm, "section": section}}

    def synthetic_data(self) -> dict[str, SourceSettings]:
        """The synthetic data sets that the configuration describes, by name."""
        base = {section: getattr(self, section) for section in SourceSettings.model_fields}
        return {SYNTHETIC: SourceSettings(**base), **self.sources}

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


def _own_searches(values: Mapping[str, Any]) -> dict[str, str]:
    """The algorithms of the user's that a configuration names, by the section of each."""
    comparison = values.get("comparison")
    named = comparison.get("algorithms") if isinstance(comparison, Mapping) else None
    own = {}
    for algorithm in named if isinstance(named, list | tuple) else ():
        if isinstance(algorithm, str) and algorithm not in NAMES:
            try:
                own[f"search_{short_name(algorithm)}"] = algorithm
            except InputError as error:
                raise InputError(f"comparison.algorithms = '{algorithm}': {error}") from None
    return own
