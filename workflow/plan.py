"""What the rules need to know of a configuration: which files there are, how work is cut, and the command lines."""

import ast
import hashlib
import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dfnas.classifiers.metadata import complete
from dfnas.classifiers.names import KINDS, code_of, is_published
from dfnas.runtime.code_digest import code_digest
from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import split_reference
from dfnas.settings.base import Settings, sections_in
from dfnas.settings.config import RULES, Config
from dfnas.settings.quality import JudgeImagesSettings
from dfnas.settings.search import SpaceSettings
from dfnas.settings.sources import NO_DATA, ORIGINAL, SourceSettings
from dfnas.settings.teacher import TeacherSettings
from dfnas.spaces.names import NAMES, reference

SEARCHES = tuple(rule for rule in RULES if rule.startswith("search_"))
# Sections that describe a classifier of the user's.
CLASSIFIERS = tuple(n for n, field in Config.model_fields.items() if TeacherSettings in sections_in(field.annotation))
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

# The space whose architectures' accuracies are known.
TABULATED = "nasbench201"
# Rules that only move data about: they need not wait for a GPU.
NEEDS_NO_DEVICE = (
    "shard_dataset",
    "shard_original",
    "draw_images",
    "draw_search",
    "table1",
    "lookup",
    "tabulate_lookups",
    "draw_rankings",
)
# Searches whose networks share no weights: they leave no supernet.
WITHOUT_SUPERNET = ("random", "evolution")


class Plan:
    """A validated configuration and everything that follows from it before any job runs.

    Args:
        values: the configuration, as Snakemake has laid its files over each other, key by key.
        overlay: what was laid over `config.yaml`.

    Raises:
        InputError: the configuration says something impossible.
    """

    def __init__(self, values: Mapping[str, Any], overlay: Mapping[str, Any]):
        self.config = Config.parse(_completed(_without_strangers(values, overlay)))
        _check_originals(self.config, overlay)
        self.sources = self.config.synthetic_data()
        self.results = self.config.results_dir.rstrip("/")
        self.original_shards = list(range(self.config.shard_original.shards))
        # A single random draw looks at no data.
        without_data = ["search_random"] if self.config.search_random.draws == 1 else []
        self.algorithms_on_data = [rule.removeprefix("search_") for rule in SEARCHES if rule not in without_data]
        self.weights = {role: self._weight_files(role) for role in ("teacher", *self.config.networks())}
        self.original = _expanded("shard_original.path", self.config.shard_original.path)
        self._check_names()
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

    def machine(self, rule: str) -> str:
        """Options on where a rule's jobs compute and keep their state."""
        state = shlex.quote(f"{self.results}/.dfnas")
        idle = rule in NEEDS_NO_DEVICE or (rule in SEARCHES and not self.is_on_data(rule.removeprefix("search_")))
        device = "cpu" if idle else self.config.device
        return f"--device {device} --threads {self.threads(rule)} --state-dir {state}"

    def threads(self, rule: str) -> int:
        """Threads of a rule's jobs."""
        return self.config.resources_of(rule)["threads"]

    def resources(self, rule: str) -> dict[str, int]:
        """What a rule's jobs reserve, in Snakemake's words."""
        return {name: n for name, n in self.config.resources_of(rule).items() if name != "threads"}

    def batches(self, source: str, shard: int) -> tuple[int, int]:
        """First batch and number of batches of a shard: as even as can be, in order."""
        settings = self.sources[source]
        total = settings.synthesis.images // settings.invert_teacher.batch_size
        first, end = (place * total // settings.synthesis.shards for place in (shard, shard + 1))
        return first, end - first

    def rows(self) -> list[tuple[str, str]]:
        """Algorithm and search data of every row of the comparison, in its order."""
        comparison = self.config.comparison
        return [
            (algorithm, search_data)
            for algorithm in comparison.algorithms
            for search_data in (comparison.search_data if self.is_on_data(algorithm) else (NO_DATA,))
        ]

    def runs(self) -> list[str]:
        """algorithm/search_data/retrain_data/seed-n of every network in the table, in the table's order."""
        return [
            f"{algorithm}/{search_data}/{retrain_data}/seed-{seed}"
            for algorithm, search_data in self.rows()
            for retrain_data in self.config.comparison.retrain_data
            for seed in self.config.comparison.seeds
        ]

    def searches(self) -> list[str]:
        """algorithm/search_data/seed-n of every search, those that only draw included."""
        seeds = self.config.comparison.seeds
        return [f"{algorithm}/{search_data}/seed-{seed}" for algorithm, search_data in self.rows() for seed in seeds]

    def is_on_data(self, algorithm: str) -> bool:
        """Whether a search looks at images."""
        return algorithm in self.algorithms_on_data

    def search_files(self, algorithm: str) -> dict[str, str]:
        """What a search on data leaves, by its options."""
        folder = f"{self.results}/search/{algorithm}/{{search_data}}/seed-{{seed}}"
        files = {
            "out": "architecture.json",
            "history": "history.csv",
            "supernet": "supernet.pt",
            "strengths": "strengths.json",
            "candidates": "candidates.csv",
            "timing": "timing.json",
        }
        left = {option: f"{folder}/{name}" for option, name in files.items()}
        if algorithm in WITHOUT_SUPERNET:
            del left["supernet"]
        return left

    @staticmethod
    def output_options(wildcards: Any, output: Any) -> str:
        """A job's output files as options of their names. (A command is put together when its job runs, long after
        the loop over the algorithms has ended.)"""
        return " ".join(f"--{option} {shlex.quote(path)}" for option, path in output.items())

    def labelling_teacher(self, rule: str) -> list[str]:
        """The teacher, where it labels the views of a search."""
        return [self.network_file("teacher")] if getattr(self.config, rule).labels == "teacher" else []

    def search_pictures(self) -> list[str]:
        """The picture of every search, the random draws' included."""
        return [f"{self.results}/search/{search}/search.png" for search in self.searches()]

    def latency_table(self, rule: str) -> list[str]:
        """The latency table of a search's space, where the search asks for one."""
        section = getattr(self.config, rule)
        return [f"{self.results}/latency_tables/{_digest(section.space)}.json"] if section.needs_latency else []

    def latency_option(self, rule: str) -> Callable[..., str]:
        """The option that names it."""
        return _verbatim(self.paths("--latency", self.latency_table(rule)))

    def image_files(self, data: str) -> list[str]:
        """The shards behind a data set, in its order."""
        if data == ORIGINAL:
            return [f"{self.results}/dataset/original/shard-{shard}.h5" for shard in self.original_shards]
        generations = self.sources[data].synthesis.generations
        return [path for generation in range(generations) for path in self.shard_files(data, generation)]

    def shard_files(self, source: str, generation: int) -> list[str]:
        """The shards of one generation of a synthetic data set, in order."""
        shards = range(self.sources[source].synthesis.shards)
        return [f"{self.results}/synthesis/{source}/generation-{generation}/shard-{shard}.h5" for shard in shards]

    def label_files(self, source: str) -> list[str]:
        """The labels of all generations of a synthetic data set, in order."""
        generations = range(self.sources[source].synthesis.generations)
        return [f"{self.results}/labels/{source}/generation-{generation}.h5" for generation in generations]

    def used_sources(self) -> list[str]:
        """The synthetic data sets that the comparison searches or trains on."""
        comparison = self.config.comparison
        named = dict.fromkeys((*comparison.search_data, *comparison.retrain_data))
        return [name for name in named if name != ORIGINAL]

    # What a job's wildcards say: input and parameter functions of the rules.

    def searched_images(self, wildcards: Any) -> list[str]:
        """The shards behind the data set that a job searches on."""
        return self.image_files(wildcards.search_data)

    def training_images(self, wildcards: Any) -> list[str]:
        """The shards behind the data set that a job trains on."""
        return self.image_files(wildcards.retrain_data)

    def images_of_source(self, wildcards: Any) -> list[str]:
        """The shards behind the synthetic data set that a job is about."""
        return self.image_files(wildcards.source)

    def images_of_generation(self, wildcards: Any) -> list[str]:
        """The shards of the generation that a job is about."""
        return self.shard_files(wildcards.source, int(wildcards.generation))

    def labels_of_source(self, wildcards: Any) -> list[str]:
        """The labels of the synthetic data set that a job is about."""
        return self.label_files(wildcards.source)

    def evaluated_network(self, wildcards: Any) -> str:
        """The network that a job measures: of a run, or the teacher."""
        return self.network_file(wildcards.run)

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

    def drawing_code(self, wildcards: Any) -> str:
        """Digest of the code that draws a search: that of no other algorithm's space."""
        space = getattr(self.config, f"search_{wildcards.algorithm}").space.name
        return code_digest("draw_search", reference(space))

    def labels_before(self, wildcards: Any) -> list[str]:
        """The labels of the generation before; none for the first, which has hard targets."""
        generation = int(wildcards.generation)
        return self.label_files(wildcards.source)[generation - 1 : generation] if generation else []

    def labels_option(self, wildcards: Any) -> str:
        """The option that names them."""
        return self.paths("--labels", self.labels_before(wildcards))

    def verifier(self) -> list[str]:
        """The network that judges the images, if there is one."""
        return [self.imported_file("verifier")] if self.config.verifier else []

    def verifier_option(self, wildcards: Any) -> str:
        """The option that names it."""
        return self.paths("--verifier", self.verifier())

    def quality_reports(self, wildcards: Any) -> list[str]:
        """What is said of each generation of the synthetic data set that a job is about, in order."""
        generations = range(self.sources[wildcards.source].synthesis.generations)
        return [f"{self.results}/quality/{wildcards.source}/generation-{number}.json" for number in generations]

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

    def pictures(self) -> list[str]:
        """The pictures of every synthetic data set that is used, with which the reports on its quality come; and of the
        supernets' rankings, where there are any."""
        kinds = ("images", "generations")
        pictures = [f"{self.results}/pictures/{name}/{kind}.png" for name in self.used_sources() for kind in kinds]
        ranked = self.config.lookup and self.rankings()
        return pictures + ([f"{self.results}/pictures/rankings.png"] if ranked else [])

    def judgements(self) -> list[str]:
        """What original test images say of the synthetic ones, where that is asked for."""
        judged = self.used_sources() if self.config.comparison.judge_images else []
        return [f"{self.results}/quality/{name}/judgement.json" for name in judged]

    def timed_space(self, wildcards: Any) -> str:
        """The option that says which space a latency table is of."""
        return f"--space {shlex.quote(json.dumps(self._spaces()[wildcards.space].plain()))}"

    def timed_code(self, wildcards: Any) -> str:
        """Digest of the code that times that space: of no other."""
        return code_digest("measure_options", reference(self._spaces()[wildcards.space].name))

    def batches_option(self, wildcards: Any) -> str:
        """First batch and number of batches of a shard, as options."""
        first, count = self.batches(wildcards.source, int(wildcards.shard))
        return f"--first-batch {first} --batches {count}"

    def imported_file(self, role: str) -> str:
        """The imported network of a role."""
        return f"{self.results}/networks/{role}.pt"

    def imported_weights(self, wildcards: Any) -> list[str]:
        """The checkpoint of the network in a role; none where its library publishes the weights."""
        return self.weights[wildcards.role]

    def imported_options(self, wildcards: Any) -> str:
        """The section of a role as options."""
        return _options(self.config.networks()[wildcards.role])

    def imported_code(self, wildcards: Any) -> str:
        """Digest of the code that imports the network in a role: that of no other role."""
        return code_digest("import_teacher", *code_of(self.config.networks()[wildcards.role].builder))

    def _weight_files(self, role: str) -> list[str]:
        weights = getattr(self.config, role).weights
        return [_expanded(f"{role}.weights", weights)] if weights and not is_published(weights) else []

    def original_files(self) -> list[str]:
        """The file that the original images come from, where it is one file that must be there already."""
        return [self.original] if self.config.shard_original.source == "npz" else []

    def network_file(self, run: str) -> str:
        """The trained network of a run, or `teacher`."""
        return f"{self.results}/teacher/teacher.pt" if run == "teacher" else f"{self.results}/retrain/{run}/model.pt"

    def networks(self) -> list[str]:
        """The network of every row of the table and seed, in the table's order."""
        return [self.network_file(run) for run in ("teacher", *self.runs())]

    def metrics(self) -> list[str]:
        """Their figures, in the same order."""
        return [f"{self.results}/evaluate/{run}/metrics.json" for run in ("teacher", *self.runs())]

    def timings(self) -> list[str]:
        """What the searches and trainings cost."""
        timed = [search for search in self.searches() if self.is_on_data(search.split("/")[0])]
        searches = [f"{self.results}/search/{search}/timing.json" for search in timed]
        return searches + [f"{self.results}/retrain/{run}/timing.json" for run in self.runs()]

    def tables(self) -> list[str]:
        """What the comparison ends in: figures of trained networks, true accuracies looked up, or both."""
        ends = {"table1.csv": self.config.comparison.retrain_data, "lookup.csv": self.config.lookup}
        return [f"{self.results}/{name}" for name, wanted in ends.items() if wanted]

    def accuracy_table(self) -> str:
        """The file with the true accuracy of every architecture."""
        return _expanded("lookup.table", self.config.lookup.table)

    def lookups(self) -> list[str]:
        """The true accuracy of every found architecture."""
        return [f"{self.results}/lookup/{search}.json" for search in self.searches()]

    def rankings(self) -> list[str]:
        """What each supernet that single paths have trained says of random architectures."""
        return [f"{self.results}/ranking/{search}.csv" for search in self.searches() if search.startswith("spos/")]

    def task(self) -> str:
        """Options that say what a network has to fit."""
        teacher = self.config.teacher.plain()
        return " ".join(f"--{name} {shlex.quote(_text(teacher[name]))}" for name in ("channels", "size", "classes"))

    @staticmethod
    def paths(option: str, files: list[str]) -> str:
        """An option with files, or nothing if there are none."""
        return " ".join([option, *map(shlex.quote, files)]) if files else ""

    def _spaces(self) -> dict[str, SpaceSettings]:
        """The spaces that are searched, by their digest."""
        spaces = [getattr(self.config, rule).space for rule in SEARCHES]
        return {_digest(space): space for space in spaces}

    def _check_names(self) -> None:
        """Raises InputError where the name of a space, or of the student's builder, leads nowhere."""
        _check_code("judge_images.builder", self.config.judge_images.builder, code_of, KINDS)
        for rule in SEARCHES:
            name = getattr(self.config, rule).space.name
            expected = f"{', '.join(NAMES)}, or your own as module:name or file.py:name"
            _check_code(f"{rule}.space.name", name, lambda name: (reference(name),), expected)
        searches = [f"search_{algorithm}" for algorithm in self.config.comparison.algorithms if self.config.lookup]
        for rule in searches:
            name = getattr(self.config, rule).space.name
            if name in NAMES and name != TABULATED:
                raise InputError(f"{rule}.space.name = '{name}': lookup.table knows the space {TABULATED} alone")
        if self.config.lookup:
            self.accuracy_table()

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
            return sorted({reference(getattr(self.config, search).space.name) for search in SEARCHES})
        return []

    @staticmethod
    def _builders(*networks: TeacherSettings | JudgeImagesSettings | None) -> list[str]:
        """The code that builds some networks, of which there may be fewer."""
        return sorted({name for network in networks if network for name in code_of(network.builder)})


def _without_strangers(values: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, without what it inherited for another builder or space than the one it names.

    Laid over `config.yaml` key by key, a file that names its own space would keep the sizes of ours beside its own.
    """
    cleaned = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}

    def named(section: Any, key: str) -> bool:
        return isinstance(section, Mapping) and key in section

    for section in CLASSIFIERS:
        if named(overlay.get(section), "builder"):
            cleaned[section] = overlay[section]
    if named(overlay.get("judge_images"), "builder"):
        cleaned["judge_images"]["arguments"] = overlay["judge_images"].get("arguments", {})
    for search in SEARCHES:
        if named(overlay.get(search), "space") and named(overlay[search]["space"], "name"):
            cleaned[search]["space"] = overlay[search]["space"]
    return cleaned


def _completed(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration, where what a section leaves out of a classifier is taken from its weights' metadata. A network
    beside the teacher has the teacher's task, unless it says otherwise.

    Raises:
        InputError: a builder that leads nowhere, or a classifier of which too little is known.
    """
    for section in CLASSIFIERS:
        if isinstance(values.get(section), Mapping):
            beside = section != "teacher"
            task = {name: values["teacher"][name] for name in ("classes", "channels", "size")} if beside else {}
            settings = TeacherSettings.parse(values[section], section)
            _check_code(f"{section}.builder", settings.builder, code_of, KINDS)
            values = values | {section: complete(settings, section, task).plain()}
    return values


def _check_code(key: str, name: str, code: Callable[[str], Iterable[str]], expected: str) -> None:
    """Raises InputError where a name of the configuration leads to no code, or to what is not Python."""
    try:
        for reference in code(name):
            module, _ = split_reference(reference)
            if module.endswith(".py"):
                ast.parse(Path(module).read_text(encoding="utf-8"), module)
    except InputError:
        raise InputError(f"{key} = '{name}': expected {expected}") from None
    except OSError as error:
        raise InputError(f"{key} = '{name}': no file {error.filename} ({error.strerror})") from None
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"{key} = '{name}': not Python: {error}") from None


def _check_originals(config: Config, overlay: Mapping[str, Any]) -> None:
    """Raises InputError where the images are to be judged by originals, and none are known: a checkpoint was laid over
    the embedded default, whose original images are those of its own stand-in."""
    imported = isinstance(overlay.get("teacher"), Mapping) and overlay["teacher"].get("weights")
    if config.comparison.judge_images and imported and "shard_original" not in overlay:
        raise InputError(
            "comparison.judge_images = true needs original test images, and there is no section shard_original beside "
            "teacher.weights; describe them there, or leave comparison.judge_images out"
        )


def _verbatim(text: str) -> Callable[..., str]:
    """A parameter as Snakemake leaves it alone: in a plain string it takes braces for wildcards."""
    return lambda wildcards: text


def _expanded(key: str, path: str | None) -> str | None:
    """A path of the configuration with its environment variables replaced.

    Raises:
        InputError: one of them is not set.
    """
    expanded = os.path.expandvars(path) if path else None
    if expanded and "$" in expanded:
        raise InputError(f"{key} = '{path}': the environment variable in it is not set")
    return expanded


def _digest(space: SpaceSettings) -> str:
    """A name for the files of a space. All networks of a configuration have one task."""
    return hashlib.sha256(json.dumps(space.plain(), sort_keys=True).encode()).hexdigest()[:12]


def _options(section: Settings) -> str:
    """A section of the configuration as options of a stage."""
    values = section.plain().items()
    return " ".join(f"--{name.replace('_', '-')} {shlex.quote(_text(value))}" for name, value in values)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
