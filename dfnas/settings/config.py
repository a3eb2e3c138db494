"""The whole configuration: one section per rule, under the rule's name, and what spans rules."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from dfnas.settings.base import Count, CountOrZero, Flag, Settings
from dfnas.settings.dataset import (
    CalibrateLabelsSettings,
    ShardDatasetSettings,
    ShardOriginalSettings,
    SynthesisSettings,
)
from dfnas.settings.evaluate import EvaluateSettings, MeasureLatencySettings, MeasureOptionsSettings
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.quality import AssessImagesSettings, JudgeImagesSettings
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.settings.search_proxyless import SearchProxylessSettings
from dfnas.settings.search_random import SearchRandomSettings
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.settings.teacher import TeacherSettings
from dfnas.settings.training import PretrainTeacherSettings, RetrainSettings

Algorithm = Literal["darts", "proxyless", "spos", "random"]
Data = Literal["original", "synthetic"]
Rule = Literal[
    "pretrain_teacher",
    "import_teacher",
    "import_network",
    "invert_teacher",
    "calibrate_labels",
    "shard_dataset",
    "shard_original",
    "measure_options",
    "search_darts",
    "search_proxyless",
    "search_spos",
    "search_random",
    "retrain",
    "evaluate",
    "measure_latency",
    "assess_images",
    "judge_images",
    "draw_images",
    "table1",
]
RULES: tuple[str, ...] = get_args(Rule)
ROLES = ("verifier", "competitor")


class ComparisonSettings(Settings):
    """Section `comparison`: the rows of Table 1."""

    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = get_args(Algorithm)
    """Algorithms that search; `random` is the baseline and looks at no data."""
    search_data: Annotated[tuple[Data, ...], Field(min_length=1)] = get_args(Data)
    """Data to search on, each algorithm on each."""
    retrain_data: Annotated[tuple[Data, ...], Field(min_length=1)] = ("original",)
    """Data to train the found architectures on, each on each."""
    seeds: Annotated[tuple[CountOrZero, ...], Field(min_length=1)] = (0, 1, 2)
    """Every search and its retraining runs once with each."""
    judge_images: Flag = False
    """Judge the synthetic images by original test images as well. Nothing is made from the result."""

    @model_validator(mode="after")
    def _no_repeats(self) -> "ComparisonSettings":
        for name in ("algorithms", "search_data", "retrain_data", "seeds"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} repeats a value: {', '.join(map(str, values))}")
        return self


class ResourceSettings(Settings):
    """What a job of a rule may use."""

    threads: Count = 1
    """Threads of a job. Part of what determines its result on a CPU: sums are split by threads."""
    mem_mb: Count = 2000
    """Memory in megabytes."""
    runtime: Count = 60
    """Minutes."""
    gpu: CountOrZero = 0
    """GPUs."""


class Config(Settings):
    """Everything that `config.yaml` may say."""

    results_dir: Annotated[str, Field(min_length=1)] = "results"
    """Folder of everything that is made, relative to the working directory."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """`auto` (a GPU if there is one), `cpu`, `cuda` (the first free GPU) or `cuda:N`."""
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
    shard_original: ShardOriginalSettings
    measure_options: MeasureOptionsSettings = MeasureOptionsSettings()
    search_darts: SearchDartsSettings
    search_proxyless: SearchProxylessSettings
    search_spos: SearchSposSettings
    search_random: SearchRandomSettings
    retrain: RetrainSettings
    evaluate: EvaluateSettings
    measure_latency: MeasureLatencySettings
    resources: dict[str, ResourceSettings] = Field(default_factory=dict)
    """Resources by rule; `default` holds for what a rule does not say."""

    @model_validator(mode="after")
    def _resources_are_of_rules(self) -> "Config":
        for name in self.resources:
            if name not in ("default", *RULES):
                raise ValueError(f"resources.{name}: no such rule; expected 'default' or one of {', '.join(RULES)}")
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
    def _agree(self) -> "Config":
        images, batch_size = self.synthesis.images, self.invert_teacher.batch_size
        if images % batch_size:
            raise ValueError(
                f"synthesis.images ({images}) must be a multiple of invert_teacher.batch_size ({batch_size})"
            )
        if self.synthesis.shards > images // batch_size:
            raise ValueError(
                f"synthesis.shards ({self.synthesis.shards}) must not exceed the batches of a generation "
                f"({images // batch_size}: synthesis.images by invert_teacher.batch_size)"
            )
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
        if self.teacher.classes is not None and images < self.teacher.classes:
            raise ValueError(
                f"synthesis.images ({images}) must not be below teacher.classes ({self.teacher.classes}): "
                "every class needs an image"
            )
        if self.invert_teacher.competition_weight and self.competitor is None:
            raise ValueError("invert_teacher.competition_weight is above 0, but there is no section 'competitor'")
        if self.invert_teacher.targets == "one_class" and (images // batch_size) % self.teacher.classes:
            raise ValueError(
                f"invert_teacher.targets = one_class needs equally many batches of every class: synthesis.images "
                f"({images}) must be a multiple of {self.teacher.classes * batch_size}"
            )
        if self.invert_teacher.targets == "pairs" and self.teacher.classes < 2:
            raise ValueError("invert_teacher.targets = pairs needs two classes")
        for stage in self.invert_teacher.stages:
            if any(side % stage.downscale for side in self.teacher.size or ()):
                raise ValueError(
                    f"invert_teacher.stages: downscale {stage.downscale} must divide teacher.size "
                    f"{' x '.join(map(str, self.teacher.size))}"
                )
        return self

    def networks(self) -> dict[str, TeacherSettings]:
        """The configured networks beside the teacher, by role."""
        sections = {role: getattr(self, role) for role in ROLES}
        return {role: section for role, section in sections.items() if section is not None}

    def resources_of(self, rule: str) -> dict[str, Any]:
        """Threads, memory, minutes and GPUs of a rule's jobs."""
        said = [self.resources[name] for name in ("default", rule) if name in self.resources]
        merged = ResourceSettings().plain()
        for given in said:
            merged |= given.model_dump(include=given.model_fields_set)
        return merged
