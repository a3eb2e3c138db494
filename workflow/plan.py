"""What the rules need to know of a configuration beside files: how work is cut, and the command lines."""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from configuration import SEARCHES, load
from files import Files, digest_of, training_data

from dfnas.classifiers.names import code_of
from dfnas.runtime.code_digest import code_digest
from dfnas.settings.base import Settings
from dfnas.settings.config import RULES
from dfnas.settings.quality import JudgeImagesSettings
from dfnas.settings.search import SpaceSettings
from dfnas.settings.sources import SourceSettings, training_section
from dfnas.settings.teacher import TeacherSettings
from dfnas.spaces.names import reference

# The stage behind a rule, where it has another name.
STAGES = {"import_network": "import_teacher"}
# Sections that each synthetic data set has of its own.
OF_A_SOURCE = tuple(SourceSettings.model_fields)
# The section of a rule, where it has another name.
SECTIONS = {"import_teacher": "teacher", "tabulate_lookups": "lookup", "draw_rankings": "lookup"}
# Rules that run the teacher's code, which a section of the configuration names.
USES_TEACHER = (
    "pretrain_teacher",
    "import_teacher",
    "invert_teacher",
    "calibrate_labels",
    "assess_images",
    "judge_images",
)
# Rules that only move data about: they need not wait for a GPU.
NEEDS_NO_DEVICE = (
    "shard_dataset",
    "shard_original",
    "check_spaces",
    "draw_images",
    "draw_labels",
    "draw_search",
    "draw_training",
    "draw_comparison",
    "compare_data",
    "table1",
    "typeset_table1",
    "export",
    "model_card",
    "lookup",
    "tabulate_lookups",
    "draw_rankings",
    "provenance",
    "describe_run",
)


class Plan(Files):
    """A validated configuration and everything that follows from it before any job runs.

    Args:
        values: the configuration, as Snakemake has laid its files over each other, key by key.
        overlay: what was laid over `config.yaml`.

    Raises:
        InputError: the configuration says something impossible.
    """

    def __init__(self, values: Mapping[str, Any], overlay: Mapping[str, Any]):
        super().__init__(load(values, overlay))
        self.code = {rule: code_digest(STAGES.get(rule, rule), *self._references(rule)) for rule in RULES}

    def options(self, rule: str) -> Callable[..., str]:
        """A rule's section as options of its stage; where each synthetic data set has its own, that of a job's."""
        if rule in OF_A_SOURCE:
            return lambda wildcards: _options(getattr(self.sources[wildcards.source], rule))
        return _verbatim(_options(getattr(self.config, SECTIONS.get(rule, rule))))

    def teacher(self) -> Callable[..., str]:
        """The section `teacher` as JSON."""
        return _verbatim(json.dumps(self.config.teacher.plain()))

    def searched_with(self) -> Callable[..., str]:
        """The section `search_spos` as JSON."""
        return _verbatim(json.dumps(self.config.search_spos.plain()))

    def searched_space(self, wildcards: Any) -> str:
        """Space and budget of the search that a job is about as JSON, under the name of its section."""
        rule = f"search_{wildcards.algorithm}"
        section = getattr(self.config, rule).plain()
        return json.dumps({rule: {key: section[key] for key in ("space", "budget")}})

    def described(self) -> Callable[..., str]:
        """Options of what the report's front page says of a run, beside its files."""
        said = self.config.comparison.plain()
        comparison = shlex.quote(json.dumps({key: said[key] for key in ("search_data", "retrain_data", "seeds")}))
        searches = [f"{algorithm}/{data}" for algorithm, data in self.rows()]
        options = [f"--comparison {comparison}", self.paths("--searches", searches)]
        return _verbatim(" ".join([*options, self.paths("--sources", self.used_sources()), self.result_options()]))

    def labelled_sources(self) -> str:
        """The data set of each file of labels, as an option."""
        named = [name for name in self.used_sources() for _ in self.label_files(name)]
        return self.paths("--sources", named)

    def traced_options(self) -> Callable[..., str]:
        """Options that name every artifact that says where it came from."""
        return _verbatim(" ".join(self.paths(f"--{kind}", files) for kind, files in self.traced().items()))

    def result_options(self) -> str:
        """Options that name the tables of a run's results, as far as there are any."""
        return " ".join(self.paths(f"--{option}", [path]) for option, path in self.result_tables().items())

    def search_labels(self, wildcards: Any) -> dict[str, str]:
        """What the report lists a search under."""
        data = f" on {wildcards.search_data} images" if self.is_on_data(wildcards.algorithm) else ""
        return {"search": f"{wildcards.algorithm}{data}", "seed": wildcards.seed}

    def latency_option(self, rule: str) -> Callable[..., str]:
        """The option that names it."""
        return _verbatim(self.paths("--latency", self.latency_table(rule)))

    def task(self) -> str:
        """Options that say what a network has to fit."""
        teacher = self.config.teacher.plain()
        return " ".join(f"--{name} {shlex.quote(_text(teacher[name]))}" for name in ("channels", "size", "classes"))

    def machine(self, rule: str) -> str:
        """Options on where a rule's jobs compute and keep their state."""
        state = shlex.quote(f"{self.results}/.dfnas")
        idle = rule in NEEDS_NO_DEVICE or (rule in SEARCHES and not self.is_on_data(rule.removeprefix("search_")))
        device = "cpu" if idle else self.config.device
        return f"--device {device} --threads {self.threads(rule)} --state-dir {state}"

    def threads(self, rule: str) -> int:
        """Threads of a rule's jobs."""
        return self.config.resources_of(rule)["threads"]

    def processes(self, rule: str) -> int:
        """Processes of a rule's jobs: one on each GPU, where they can share the work."""
        return self.config.processes_of(rule)

    def launcher(self, rule: str) -> str:
        """What starts a rule's stage: an interpreter, or as many as there are GPUs for a job."""
        count = self.processes(rule)
        return "python" if count == 1 else f"torchrun --standalone --nproc-per-node {count}"

    def resources(self, rule: str) -> dict[str, int]:
        """What a rule's jobs reserve, in Snakemake's words."""
        return {name: n for name, n in self.config.resources_of(rule).items() if name != "threads"}

    def batches(self, source: str, shard: int) -> tuple[int, int]:
        """First batch and number of batches of a shard: as even as can be, in order."""
        settings = self.sources[source]
        total = settings.synthesis.images // settings.invert_teacher.batch_size
        first, end = (place * total // settings.synthesis.shards for place in (shard, shard + 1))
        return first, end - first

    @staticmethod
    def paths(option: str, files: list[str]) -> str:
        """An option with files, or nothing if there are none."""
        return " ".join([option, *map(shlex.quote, files)]) if files else ""

    @staticmethod
    def output_options(wildcards: Any, output: Any) -> str:
        """A job's output files as options of their names. (A command is put together when its job runs, long after
        the loop over the algorithms has ended.)"""
        return " ".join(f"--{option} {shlex.quote(path)}" for option, path in output.items())

    # What a job's wildcards say: input and parameter functions of the rules.

    def searched_images(self, wildcards: Any) -> list[str]:
        """The shards behind the data set that a job searches on."""
        return self.image_files(wildcards.search_data)

    def training_images(self, wildcards: Any) -> list[str]:
        """The shards behind the data set that a job trains on."""
        return self.image_files(wildcards.retrain_data)

    def training_options(self, wildcards: Any) -> str:
        """How a job trains, as options."""
        return _options(getattr(self.config, training_section(wildcards.retrain_data)))

    def training_teacher(self, wildcards: Any) -> list[str]:
        """The teacher, where it labels the views of a training."""
        return self.labelling_teacher(training_section(wildcards.retrain_data))

    def training_teacher_option(self, wildcards: Any) -> str:
        """The option that names it."""
        return self.paths("--teacher", self.training_teacher(wildcards))

    def training_code(self, wildcards: Any) -> str:
        """Digest of the code of a training."""
        teacher = self._builders(self.config.teacher) if self.training_teacher(wildcards) else []
        return code_digest("retrain", *sorted({*teacher, *self._references("retrain")}))

    def images_of_source(self, wildcards: Any) -> list[str]:
        """The shards behind the synthetic data set that a job is about."""
        return self.image_files(wildcards.source)

    def images_of_generation(self, wildcards: Any) -> list[str]:
        """The shards of the generation that a job is about."""
        return self.shard_files(wildcards.source, int(wildcards.generation))

    def labels_of_source(self, wildcards: Any) -> list[str]:
        """The labels of the synthetic data set that a job is about."""
        return self.label_files(wildcards.source)

    def labels_before(self, wildcards: Any) -> list[str]:
        """The labels of the generation before; none for the first, which has hard targets."""
        generation = int(wildcards.generation)
        return self.label_files(wildcards.source)[generation - 1 : generation] if generation else []

    def labels_option(self, wildcards: Any) -> str:
        """The option that names them."""
        return self.paths("--labels", self.labels_before(wildcards))

    def batches_option(self, wildcards: Any) -> str:
        """First batch and number of batches of a shard, as options."""
        first, count = self.batches(wildcards.source, int(wildcards.shard))
        return f"--first-batch {first} --batches {count}"

    def competitor(self, wildcards: Any) -> list[str]:
        """The second network of the inversion, where its settings ask for one."""
        return [self.imported_file("competitor")] if self._competes(wildcards.source) else []

    def competitor_option(self, wildcards: Any) -> str:
        """The option that names it."""
        return self.paths("--competitor", self.competitor(wildcards))

    def inversion_code(self, wildcards: Any) -> str:
        """Digest of the code that inverts the teacher for a synthetic data set."""
        competitor = self.config.competitor if self._competes(wildcards.source) else None
        return code_digest("invert_teacher", *self._builders(self.config.teacher, competitor))

    def _competes(self, source: str) -> bool:
        return self.sources[source].invert_teacher.competition_weight > 0

    def verifier_option(self, wildcards: Any) -> str:
        """The option that names it."""
        return self.paths("--verifier", self.verifier())

    def quality_reports(self, wildcards: Any) -> list[str]:
        """What is said of each generation of the synthetic data set that a job is about, in order."""
        generations = range(self.sources[wildcards.source].synthesis.generations)
        return [f"{self.results}/quality/{wildcards.source}/generation-{number}.json" for number in generations]

    def imported_weights(self, wildcards: Any) -> list[str]:
        """The checkpoint of the network in a role; none where its library publishes the weights."""
        return self.weights[wildcards.role]

    def imported_options(self, wildcards: Any) -> str:
        """The section of a role as options."""
        return _options(self.config.networks()[wildcards.role])

    def imported_code(self, wildcards: Any) -> str:
        """Digest of the code that imports the network in a role: that of no other role."""
        return code_digest("import_teacher", *code_of(self.config.networks()[wildcards.role].builder))

    def evaluated_network(self, wildcards: Any) -> str:
        """The network that a job measures: of a run, or the teacher."""
        return self.network_file(wildcards.run)

    def held_out_data(self, wildcards: Any) -> str:
        """The data set that this network learnt from: some of its images are held out."""
        return f"{self.results}/dataset/{training_data(wildcards.run)}.h5"

    def held_out_images(self, wildcards: Any) -> list[str]:
        """The shards behind it."""
        return self.image_files(training_data(wildcards.run))

    def search_record(self, wildcards: Any) -> dict[str, str]:
        """What a search left to be drawn, by name. A single random draw has no course."""
        place = f"{self.results}/search/{wildcards.algorithm}/{wildcards.search_data}/seed-{wildcards.seed}"
        names = {"architecture": "json"}
        if self.is_on_data(wildcards.algorithm):
            names |= {"history": "csv", "candidates": "csv", "strengths": "json"}
        return {name: f"{place}/{name}.{kind}" for name, kind in names.items()}

    def record_options(self, wildcards: Any) -> str:
        """The options that name them."""
        return " ".join(self.paths(f"--{name}", [file]) for name, file in self.search_record(wildcards).items())

    def code_on_space(self, rule: str) -> Callable[..., str]:
        """Digest of the code of a job that is about one algorithm: that of no other algorithm's space."""

        def of_algorithm(wildcards: Any) -> str:
            return code_digest(rule, reference(getattr(self.config, f"search_{wildcards.algorithm}").space.name))

        return of_algorithm

    def networks_of_algorithm(self, wildcards: Any) -> list[str]:
        """The trained networks of the algorithm that a job is about."""
        return [self.network_file(run) for run in self.runs_of(wildcards.algorithm)]

    def histories_of_algorithm(self, wildcards: Any) -> list[str]:
        """The courses of their trainings, in that order."""
        return [f"{self.results}/retrain/{run}/history.csv" for run in self.runs_of(wildcards.algorithm)]

    def data_of_algorithm(self, wildcards: Any) -> str:
        """The options that say what each of them was found and trained on."""
        data = [run.split("/")[1:3] for run in self.runs_of(wildcards.algorithm)]
        search_data, retrain_data = zip(*data, strict=True)
        return f"--search-data {' '.join(search_data)} --retrain-data {' '.join(retrain_data)}"

    def datasets_of_algorithm(self, wildcards: Any) -> list[str]:
        """What each of them was trained on, in that order."""
        return [f"{self.results}/dataset/{run.split('/')[2]}.h5" for run in self.runs_of(wildcards.algorithm)]

    def metrics_of_algorithm(self, wildcards: Any) -> list[str]:
        """The figures of each of them."""
        return [f"{self.results}/evaluate/{run}/metrics.json" for run in self.runs_of(wildcards.algorithm)]

    def timed_space(self, wildcards: Any) -> str:
        """The option that says which space a latency table is of."""
        return f"--space {shlex.quote(json.dumps(self._spaces()[wildcards.space].plain()))}"

    def timed_code(self, wildcards: Any) -> str:
        """Digest of the code that times that space: of no other."""
        return code_digest("measure_options", reference(self._spaces()[wildcards.space].name))

    def _spaces(self) -> dict[str, SpaceSettings]:
        """The spaces that are searched, by their digest."""
        spaces = [getattr(self.config, rule).space for rule in SEARCHES]
        return {digest_of(space): space for space in spaces}

    # The code that a rule's result depends on, beside its stage.

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


def _verbatim(text: str) -> Callable[..., str]:
    """A parameter as Snakemake leaves it alone: in a plain string it takes braces for wildcards."""
    return lambda wildcards: text


def _options(section: Settings) -> str:
    """A section of the configuration as options of a stage."""
    values = section.plain().items()
    return " ".join(f"--{name.replace('_', '-')} {shlex.quote(_text(value))}" for name, value in values)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
