"""What the rules need to know of a configuration beside files: how work is cut, and the command lines."""

import json
import shlex
from collections.abc import Callable
from typing import Any

from codes import Codes
from files import training_data
from snakemake.io import local

from dfnas.rules import OF_ROLE
from dfnas.settings.base import Settings
from dfnas.settings.search import BudgetSettings
from dfnas.settings.sources import NO_DATA, ORIGINAL, SourceSettings, training_section

# Sections that each synthetic data set has of its own.
OF_A_SOURCE = tuple(SourceSettings.model_fields)


class Plan(Codes):
    """A validated configuration and everything that follows from it before any job runs; made as `Codes`."""

    def options(self, rule: str) -> Callable[..., str]:
        """A rule's section as options of its stage; where data sets or networks have their own, the job's."""
        record = self.rules[rule]
        section = record.section
        assert section is not None, f"{rule} has no section"
        if record.is_supernet:
            return lambda job: _options(self.config.search(rule.partition("_")[2], job.search_data).of_supernet())
        return lambda wildcards: _options(self._section(section, wildcards))

    def options_of_search(self, algorithm: str = "") -> Callable[..., str]:
        """The section of an algorithm, or of that which a job is about, as options, and what an architecture has to fit
        where no images say it."""

        def of_job(wildcards: Any) -> str:
            section = self.config.search(algorithm or wildcards.algorithm, wildcards.search_data)
            return _options(section) if section.looks_at_images else f"{self.task()} {_options(section)}"

        return of_job

    def budgets(self) -> Callable[..., str]:
        """The budgets that searches are compared under, as JSON."""
        return _verbatim(json.dumps([limits.plain() for limits in self.config.comparison.budgets]))

    def _section(self, name: str, job: Any) -> Settings:
        if name in OF_A_SOURCE:
            return getattr(self.sources[job.source], name)
        if name == "retrain":
            return getattr(self.config, training_section(job.retrain_data))
        if name == OF_ROLE:
            return self.config.networks()[job.role]
        return self.config.originals() if name == "shard_original" else getattr(self.config, name)

    def teacher(self) -> Callable[..., str]:
        """The section `teacher` as JSON."""
        return _verbatim(json.dumps(self.config.teacher.plain()))

    def searched_with(self, wildcards: Any) -> str:
        """The section `search_spos` of the data that a job is about, as JSON."""
        return json.dumps(self.config.search("spos", wildcards.search_data).plain())

    def ranking_teacher(self, wildcards: Any) -> list[str]:
        """The teacher, where it labels the held-out images of the supernet's search that a job is about."""
        asks = self.config.search("spos", wildcards.search_data).asks_teacher_itself
        return [self.network_file("teacher")] if asks else []

    def searched_space(self, wildcards: Any) -> str:
        """What is checked of the search that a job is about before anything else runs, as JSON: see `checked`."""
        return json.dumps(self.config.checked(wildcards.algorithm))

    def compared_spaces(self) -> Callable[..., str]:
        """The spaces of the compared searches as JSON, each once, by the first search on it."""
        spaces: dict[str, Any] = {}
        for name in self.config.comparison.names:
            said = self.searches[f"search_{name}"].space.plain()
            if said not in spaces.values():
                spaces[f"search_{name}"] = said
        return _verbatim(json.dumps(spaces))

    def kinds(self) -> Callable[..., str]:
        """The kind of each synthetic data set and variant that is used, as JSON."""
        used = {*self.used_sources(), *self.config.comparison.search_data}
        return _verbatim(json.dumps({name: kind for name, kind in self.config.kinds().items() if name in used}))

    def proxy_options(self) -> str:
        """The data and seeds of the runs of training-free proxies, as options."""
        data, seeds = ([run.split("/seed-")[part] for run in self.proxy_runs()] for part in (0, 1))
        return f"{self.paths('--proxy-data', data)} {self.paths('--proxy-seeds', seeds)}".strip()

    def described(self) -> Callable[..., str]:
        """Options of what the report's front page says of a run, beside its files."""
        said = self.config.comparison.plain()
        comparison = shlex.quote(json.dumps({key: said[key] for key in ("search_data", "retrain_data", "seeds")}))
        searches = [f"{algorithm}/{data}" for algorithm, data in self.rows()]
        options = [f"--comparison {comparison}", self.paths("--searches", searches)]
        return _verbatim(" ".join([*options, self.paths("--sources", self.used_sources())]))

    def labelled_sources(self) -> str:
        """The data set of each file of labels, as an option."""
        named = [name for name in self.used_sources() for _ in self.label_files(name)]
        return self.paths("--sources", named)

    def search_labels(self, wildcards: Any) -> dict[str, str]:
        """What the report lists a search under."""
        data = f" on {wildcards.search_data} images" if self.is_on_data(wildcards.algorithm) else ""
        return {"search": f"{wildcards.algorithm}{data}", "seed": wildcards.seed}

    def task(self) -> str:
        """Options that say what a network has to fit."""
        teacher = self.config.teacher.plain()
        return " ".join(f"--{name} {shlex.quote(_text(teacher[name]))}" for name in ("channels", "size", "classes"))

    def machine(self, rule: str) -> str:
        """Options on where a rule's jobs compute and keep their state."""
        state = shlex.quote(f"{self.results}/.dfnas")
        device = self.config.device if self._computes(rule) else "cpu"
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

    def resources(self, rule: str) -> dict[str, Any]:
        """What a rule's jobs reserve, in Snakemake's words: a GPU only where one is used, and memory and minutes anew
        with every attempt, for the last may have failed for want of them."""
        said = self.config.resources_of(rule)
        gpu = said["gpu"] if self._computes(rule) else 0
        growing = {name: _growing(said[name], said[f"max_{name}"]) for name in ("mem_mb", "runtime")}
        return {"gpu": gpu, **growing}

    def _computes(self, rule: str) -> bool:
        """Whether a rule's jobs do what a GPU is for."""
        return self.rules[rule].on_device and not self.config.only_reads(rule)

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

    def input_options(self, *names: str) -> Callable[..., str]:
        """Inputs of a job as options of their names, as far as it has any: the files where the job finds them, which
        with a remote storage is not where the rule names them."""

        def of_job(wildcards: Any, input: Any) -> str:
            files = {name: input.get(name, []) for name in names}
            listed = {name: [found] if isinstance(found, str) else list(found) for name, found in files.items()}
            return " ".join(self.paths(f"--{name}", found) for name, found in listed.items() if found)

        return of_job

    @staticmethod
    def output_options(wildcards: Any, output: Any) -> str:
        """A job's output files as options of their names. (A command is put together when its job runs, long after
        the loop over the algorithms has ended.)"""
        return " ".join(f"--{option} {shlex.quote(path)}" for option, path in output.items())

    # What a job's wildcards say: input and parameter functions of the rules.

    def searched_images(self, wildcards: Any) -> list[str]:
        """The shards behind the data set that a job searches on."""
        return self.image_files(self.config.images_of(wildcards.search_data))

    def searched_dataset(self, wildcards: Any) -> str:
        """The data set that a job searches on."""
        return f"{self.results}/dataset/{self.config.images_of(wildcards.search_data)}.h5"

    def supernet_teacher(self, algorithm: str) -> Callable[..., list[str]]:
        """The teacher, where it labels the images that train an algorithm's supernet."""
        return lambda job: self.labelling_teacher(self.config.search(algorithm, job.search_data))

    def inputs_of_search(self, algorithm: str = "") -> Callable[..., dict[str, Any]]:
        """What an algorithm's search stands on, by the options of its stage, and the `shards` behind its data set; of
        the algorithm that a job is about, under all budgets of the comparison."""

        def of_job(wildcards: Any) -> dict[str, Any]:
            name, data = algorithm or wildcards.algorithm, wildcards.search_data
            section, found = self.config.search(name, data), dict[str, Any]()
            if section.looks_at_images:
                found |= {"dataset": self.searched_dataset(wildcards), "shards": self.searched_images(wildcards)}
            if section.supernet_type is not None:
                found["supernet"] = self.supernet_file(f"{name}/{data}/seed-{wildcards.seed}")
            if section.asks_teacher_itself and section.looks_at_images:
                found["teacher"] = [self.network_file("teacher")]
            within = () if algorithm else self.config.comparison.budgets
            if section.needs_latency or any(limits.max_latency_ms for limits in within):
                found["latency"] = self.latency_file(section.space)
            return found

        return of_job

    def latency_of_supernet(self, algorithm: str) -> list[str]:
        """The latency table of an algorithm's space, where its supernet's training asks for one."""
        section = self.searches[f"search_{algorithm}"]
        return [self.latency_file(section.space)] if section.of_supernet().needs_latency else []

    def training_images(self, wildcards: Any) -> list[str]:
        """The shards behind the data set that a job trains on."""
        return self.image_files(wildcards.retrain_data)

    def training_teacher(self, wildcards: Any) -> list[str]:
        """The teacher, where it labels the views of a training."""
        return self.labelling_teacher(getattr(self.config, training_section(wildcards.retrain_data)))

    def fresh_option(self, wildcards: Any) -> str:
        """The option that says how a training makes images, where it does."""
        data = wildcards.retrain_data
        if not self._makes_images(data):
            return ""
        return f"--inversion {shlex.quote(json.dumps(self.sources[data].invert_teacher.plain()))}"

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

    def batches_option(self, wildcards: Any) -> str:
        """First batch and number of batches of a shard, as options."""
        first, count = self.batches(wildcards.source, int(wildcards.shard))
        return f"--first-batch {first} --batches {count}"

    def competitor(self, wildcards: Any) -> list[str]:
        """The second network of the inversion, where its settings ask for one."""
        return [self.imported_file("competitor")] if self._competes(wildcards.source) else []

    def quality_reports(self, wildcards: Any) -> list[str]:
        """What is said of each generation of the synthetic data set that a job is about, in order."""
        generations = range(self.sources[wildcards.source].synthesis.generations)
        return [f"{self.results}/quality/{wildcards.source}/generation-{number}.json" for number in generations]

    def imported_weights(self, wildcards: Any) -> list[str]:
        """The checkpoint of the network in a role; none where its library publishes the weights."""
        return local(self.weights[wildcards.role])

    def evaluated_network(self, wildcards: Any) -> str:
        """The network that a job measures: of a run, or the teacher."""
        return self.network_file(wildcards.run)

    def held_out_data(self, wildcards: Any) -> str:
        """The data set that this network learnt from: some of its images are held out. For the teacher, without
        original images, that of the first retrained network."""
        return f"{self.results}/dataset/{self._learnt_from(wildcards.run)}.h5"

    def held_out_images(self, wildcards: Any) -> list[str]:
        """The shards behind it."""
        return self.image_files(self._learnt_from(wildcards.run))

    def _learnt_from(self, run: str) -> str:
        data = training_data(run)
        known = data != ORIGINAL or self.config.has_originals
        return data if known else self.config.comparison.retrain_data[0]

    def test_data(self, wildcards: Any) -> dict[str, Any]:
        """The original data set, which networks are tested by, and its shards; nothing without original images."""
        if not self.config.has_originals:
            return {}
        return {"dataset": f"{self.results}/dataset/{ORIGINAL}.h5", "shards": self.image_files(ORIGINAL)}

    def scored_images(self, wildcards: Any) -> dict[str, Any]:
        """The data set whose images untrained networks see, and its shards; nothing for noise."""
        data = wildcards.search_data
        if data == NO_DATA:
            return {}
        return {"dataset": f"{self.results}/dataset/{data}.h5", "shards": self.image_files(data)}

    def scored_latency(self) -> list[str]:
        """The latency table of the scored space, where a budget is in milliseconds."""
        if not any(limits.max_latency_ms for limits in self.scored_budgets()):
            return []
        return [f"{self.results}/latency_tables/{self.config.search_training_free.space.digest}.json"]

    def scored_budgets(self) -> tuple[BudgetSettings, ...]:
        """The budgets within which architectures are scored: those that are compared, and none, to tell how well scores
        order the whole space."""
        return tuple(dict.fromkeys((*self.config.comparison.budgets, BudgetSettings())))

    def scoring(self) -> Callable[..., str]:
        """Options on what is scored, beside the section: the space, and the budgets."""
        space = json.dumps(self.config.search_training_free.space.plain())
        within = json.dumps([limits.plain() for limits in self.scored_budgets()])
        return _verbatim(f"--space {shlex.quote(space)} --budgets {shlex.quote(within)}")

    def search_record(self, wildcards: Any) -> dict[str, str]:
        """What a search left to be drawn, by name. A single random draw has no course."""
        place = f"{self.results}/search/{wildcards.algorithm}/{wildcards.search_data}/seed-{wildcards.seed}"
        names = {"architecture": "json"}
        if self.is_on_data(wildcards.algorithm):
            names |= {"history": "csv", "candidates": "csv", "strengths": "json"}
        return {name: f"{place}/{name}.{kind}" for name, kind in names.items()}

    def networks_of_algorithm(self, wildcards: Any) -> list[str]:
        """The trained networks of an algorithm among which one is deployed."""
        return [self.network_file(run) for run in self.deployable(wildcards.algorithm)]

    def histories_of_algorithm(self, wildcards: Any) -> list[str]:
        """The courses of all trainings of what the algorithm found."""
        return [f"{self.results}/retrain/{run}/history.csv" for run in self.runs_of(wildcards.algorithm)]

    def data_of_algorithm(self, wildcards: Any) -> str:
        """The options that say what each of them was found and trained on."""
        data = [run.split("/")[1:3] for run in self.runs_of(wildcards.algorithm)]
        search_data, retrain_data = zip(*data, strict=True)
        return f"--search-data {' '.join(search_data)} --retrain-data {' '.join(retrain_data)}"

    def datasets_of_algorithm(self, wildcards: Any) -> list[str]:
        """What each of `networks_of_algorithm` was trained on, in that order."""
        return [f"{self.results}/dataset/{run.split('/')[2]}.h5" for run in self.deployable(wildcards.algorithm)]

    def metrics_of_algorithm(self, wildcards: Any) -> list[str]:
        """The figures of the teacher and of all networks of the algorithm."""
        return self.evaluations("metrics.json", ["teacher", *self.runs_of(wildcards.algorithm)])

    def timed_space(self, wildcards: Any) -> str:
        """The option that says which space a latency table is of."""
        return f"--space {shlex.quote(json.dumps(self._spaces()[wildcards.space].plain()))}"


def _verbatim(text: str) -> Callable[..., str]:
    """A parameter as Snakemake leaves it alone: in a plain string it takes braces for wildcards."""
    return lambda wildcards: text


def _growing(amount: int, most: int) -> Callable[..., int]:
    """A resource of which every attempt gets once more what the first had, up to a limit if that is not 0. (It says
    nothing of a job's result, and Snakemake runs nothing again because of it.)"""
    return lambda wildcards, attempt: min(amount * attempt, most or amount * attempt)


def _options(section: Settings) -> str:
    """A section of the configuration as options of a stage."""
    values = section.plain().items()
    return " ".join(f"--{name.replace('_', '-')} {shlex.quote(_text(value))}" for name, value in values)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
