"""The files that follow from a configuration: which there are, and where."""

from typing import Any

from configuration import expanded, results_folder

from dfnas.settings.config import Config
from dfnas.settings.labelling import LabelSettings
from dfnas.settings.search import SpaceSettings
from dfnas.settings.sources import NO_DATA, ORIGINAL
from dfnas.settings.teacher import is_published


class Files:
    """Every file that the workflow reads or makes.

    Args:
        config: the checked configuration.

    Raises:
        InputError: an environment variable in a path is not set.
    """

    def __init__(self, config: Config):
        self.config = config
        self.sources = config.synthetic_data()
        self.results = results_folder(config.results_dir).rstrip("/")
        self.original_shards = list(range(config.shard_original.shards))
        self.searches = config.searches()
        self.algorithms = dict(zip(config.comparison.names, config.comparison.algorithms, strict=True))
        """What a name stands for, of the algorithms that are compared."""
        # A single random draw looks at no data, nor do scores of networks on noise.
        named = {rule.removeprefix("search_"): search.on_data for rule, search in self.searches.items()}
        self.algorithms_on_data = [name for name, on_data in named.items() if on_data]
        self.algorithms_without_data = [name for name, on_data in named.items() if not on_data]
        self.weights = {role: self._weight_files(role) for role in ("teacher", *config.networks())}
        self.original = expanded("shard_original.path", config.shard_original.path)
        self.table = expanded("lookup.table", config.lookup.table) if config.lookup else None

    # The comparison: its searches and trainings.

    def rows(self) -> list[tuple[str, str]]:
        """Algorithm and search data of every row of the comparison, in its order."""
        comparison = self.config.comparison
        return [
            (algorithm, search_data)
            for algorithm in comparison.names
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

    def compared_runs(self) -> list[str]:
        """The runs of all algorithms that search on original and on other data: they show what the data are worth."""
        data = self.config.comparison.search_data
        both = ORIGINAL in data and len(data) > 1
        return [run for run in self.runs() if both and run.split("/")[1] != NO_DATA]

    def found(self) -> list[str]:
        """algorithm/search_data/seed-n of every search, those that only draw included."""
        seeds = self.config.comparison.seeds
        return [f"{algorithm}/{search_data}/seed-{seed}" for algorithm, search_data in self.rows() for seed in seeds]

    def is_on_data(self, algorithm: str) -> bool:
        """Whether a search looks at images."""
        return algorithm in self.algorithms_on_data

    # What is given.

    def _weight_files(self, role: str) -> list[str]:
        weights = getattr(self.config, role).weights
        file = None if is_published(weights) else expanded(f"{role}.weights", weights)
        return [file] if file else []

    def given_files(self) -> dict[str, list[str]]:
        """All files of the user that jobs take as input, by the key of the configuration that names them."""
        weights = {f"{role}.weights": files for role, files in self.weights.items()}
        return weights | {"shard_original.path": self.original_files(), "lookup.table": self.accuracy_table()}

    def original_files(self) -> list[str]:
        """The file that the original images come from, where it is one file that must be there already."""
        return [self.original] if self.original and self.config.shard_original.source == "npz" else []

    def accuracy_table(self) -> list[str]:
        """The file with the true accuracy of every architecture, where the configuration has one."""
        return [self.table] if self.table else []

    # Networks and images.

    def network_file(self, run: str) -> str:
        """The trained network of a run, or `teacher`."""
        return f"{self.results}/teacher/teacher.pt" if run == "teacher" else f"{self.results}/retrain/{run}/model.pt"

    def imported_file(self, role: str) -> str:
        """The imported network of a role."""
        return f"{self.results}/networks/{role}.pt"

    def verifier(self) -> list[str]:
        """The network that judges the images, if there is one."""
        return [self.imported_file("verifier")] if self.config.verifier else []

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

    def all_labels(self) -> list[str]:
        """The labels of all generations of every synthetic data set that is used."""
        return [path for name in self.used_sources() for path in self.label_files(name)]

    def all_calibrations(self) -> list[str]:
        """What is said of each of them."""
        return [f"{path.removesuffix('.h5')}.json" for path in self.all_labels()]

    def used_sources(self) -> list[str]:
        """The synthetic data sets that the comparison searches or trains on."""
        comparison = self.config.comparison
        named = dict.fromkeys((*map(self.config.images_of, comparison.search_data), *comparison.retrain_data))
        return [name for name in named if name != ORIGINAL]

    # Searches.

    def labelling_teacher(self, section: LabelSettings) -> list[str]:
        """The teacher, where it labels the images of a search, or of a training."""
        return [self.network_file("teacher")] if section.asks_teacher else []

    def latency_table(self, rule: str) -> list[str]:
        """The latency table of a search's space, where the search asks for one."""
        section = getattr(self.config, rule)
        return [self.latency_file(section.space)] if section.needs_latency else []

    def latency_file(self, space: SpaceSettings) -> str:
        """The latency table of a space."""
        return f"{self.results}/latency_tables/{space.digest}.json"

    def supernet_file(self, search: str) -> str:
        """The supernet of a search, algorithm/search_data/seed-n."""
        return f"{self.results}/supernet/{search}/supernet.pt"

    @property
    def algorithms_with_supernet(self) -> list[str]:
        """Those whose supernets are trained apart from the search on them."""
        return [rule.removeprefix("search_") for rule, s in self.searches.items() if s.supernet_type is not None]

    def search_files(self, algorithm: str) -> dict[str, str]:
        """What a search on data leaves, by its options."""
        folder = f"{self.results}/search/{algorithm}/{{search_data}}/seed-{{seed}}"
        files = {
            "out": "architecture.json",
            "history": "history.csv",
            "strengths": "strengths.json",
            "candidates": "candidates.csv",
            "timing": "timing.json",
        }
        return {option: f"{folder}/{name}" for option, name in files.items()}

    # What a user may want.

    def targets(self) -> dict[str, list[str]]:
        """The files behind each name of `dfnas.targets`."""
        pictures, searched = self.pictures(), [f"{self.results}/search/{search}" for search in self.found()]
        data = [f"{self.results}/dataset/{name}.h5" for name in self.used_sources()]
        beside = [*self.search_pictures(), *self.training_pictures(), *self.judgements(), *self.report()]
        return {
            "all": [*self.tables(), *self.cards(), *pictures, *beside],
            "images": [*data, *(path for name in self.used_sources() for path in self.source_pictures(name))],
            "search": [f"{search}/architecture.json" for search in searched],
            "deploy": self.cards(),
            "table": self.tables(),
        }

    # What the comparison ends in.

    def networks(self) -> list[str]:
        """The network of every row of the table and seed, in the table's order."""
        return [self.network_file(run) for run in ("teacher", *self.runs())]

    def metrics(self) -> list[str]:
        """Their figures, in the same order."""
        return self.evaluations("metrics.json", ["teacher", *self.runs()])

    def evaluations(self, name: str, runs: list[str]) -> list[str]:
        """The file of that name of each run's evaluation."""
        return [f"{self.results}/evaluate/{run}/{name}" for run in runs]

    def runs_of(self, algorithm: str) -> list[str]:
        """Those of `runs` whose architecture an algorithm has found."""
        return [run for run in self.runs() if run.startswith(f"{algorithm}/")]

    def deployable(self, algorithm: str) -> list[str]:
        """Those of `runs_of` among which one is deployed: trained on the first data that networks are trained on, so
        that validation images of one kind judge all of them."""
        return [run for run in self.runs_of(algorithm) if run.split("/")[2] == self.config.comparison.retrain_data[0]]

    def cards(self) -> list[str]:
        """The model card of what every algorithm has to deploy, with which the files come; with original images to test
        by or without."""
        trained = dict.fromkeys(run.split("/")[0] for run in self.runs())
        return [f"{self.results}/deploy/{algorithm}/README.md" for algorithm in trained]

    def images_of_deployed(self) -> list[str]:
        """The shards behind the data that deployed networks were trained on."""
        return [path for data in self.config.comparison.retrain_data[:1] for path in self.image_files(data)]

    def timings(self) -> list[str]:
        """What the searches and trainings cost."""
        timed = [search for search in self.found() if self.is_on_data(search.split("/")[0])]
        searches = [f"{self.results}/search/{search}/timing.json" for search in timed]
        trained = [search for search in timed if search.split("/")[0] in self.algorithms_with_supernet]
        searches += [f"{self.results}/supernet/{search}/timing.json" for search in trained]
        return searches + [f"{self.results}/retrain/{run}/timing.json" for run in self.runs()]

    def tables(self) -> list[str]:
        """What the comparison ends in: figures of trained networks and what their differences mean, true accuracies
        looked up, or both. Without original images Table 1 says what is known without them."""
        beside = ["per_class.csv", "table1.md"] if self.config.comparison.retrain_data else []
        beside += ["budgets.csv"] if self.compares_budgets() else []
        beside += ["correlations.csv"] if self.config.lookup and (self.rankings() or self.proxies()) else []
        return [*self.result_tables().values(), *(f"{self.results}/{name}" for name in beside)]

    def compares_budgets(self) -> bool:
        """Whether there are results under budgets that a table can judge."""
        return bool(self.config.lookup and self.config.comparison.budgets)

    def result_tables(self) -> dict[str, str]:
        """The tables that say what came of a run, by what they are, as far as there are any."""
        ends = {
            "table": ("table1.csv", self.config.comparison.retrain_data),  # with original images or without
            "significance": ("significance.csv", self.compared_runs()),
            "lookups": ("lookup.csv", self.config.lookup),
        }
        return {what: f"{self.results}/{name}" for what, (name, wanted) in ends.items() if wanted}

    def report(self) -> list[str]:
        """What the report has beside tables and pictures: its front page, where everything came from, and the picture
        of trained networks, if there are any."""
        measured = self.runs() and self.config.has_originals
        names = ["run.rst", "provenance.html", *(["comparison.png"] if measured else [])]
        return [f"{self.results}/report/{name}" for name in names]

    def shown(self) -> dict[str, list[str]]:
        """What the report's front page shows beside tables, by what it is: figures and pictures."""
        return {
            "metrics": self.evaluations("metrics.json", self.runs()),
            "drawn": self.search_pictures(),
            "images": [self.source_pictures(name)[0] for name in self.used_sources()],
        }

    def last_reports(self) -> list[str]:
        """What is said of the last generation of every used synthetic data set."""
        last = {name: self.sources[name].synthesis.generations - 1 for name in self.used_sources()}
        return [f"{self.results}/quality/{name}/generation-{number}.json" for name, number in last.items()]

    def traced(self) -> dict[str, list[str]]:
        """Every artifact that says where it came from, in the order of the chain, by kind of file. None is asked for
        that nothing else needs."""
        used, originals = self.used_sources(), [ORIGINAL] if self._reads_originals() else []
        networks = self.verifier() if used else []
        if any(self.sources[name].invert_teacher.competition_weight for name in used):
            networks = [*networks, self.imported_file("competitor")]
        timed = [path for name in self.config.comparison.names for path in self.latency_table(f"search_{name}")]
        architectures = [f"{self.results}/search/{search}/architecture.json" for search in self.found()]
        on_supernet = [search for search in self.found() if search.split("/")[0] in self.algorithms_with_supernet]
        supernets = map(self.supernet_file, on_supernet)
        return {
            "archives": [*networks, *supernets, *self.networks()],
            "shards": [path for name in (*originals, *used) for path in self.image_files(name)],
            "labels": [path for name in used for path in self.label_files(name)],
            "datasets": [f"{self.results}/dataset/{name}.h5" for name in (*originals, *used)],
            "documents": [*dict.fromkeys(timed), *architectures],
        }

    def _reads_originals(self) -> bool:
        comparison = self.config.comparison
        if not self.config.has_originals:
            return False
        images = map(self.config.images_of, comparison.search_data)
        searched = ORIGINAL in images and any(map(self.is_on_data, comparison.names))
        judged = comparison.judge_images or (self.config.lookup and self.rankings())
        return bool(self.config.teacher.weights is None or comparison.retrain_data or searched or judged)

    def found_within(self) -> list[str]:
        """What every search found under each of the budgets."""
        return [f"{self.results}/search/{search}/budgets.csv" for search in self.found()]

    def costs_file(self) -> str:
        """What every architecture of the table costs."""
        return f"{self.results}/costs.csv"

    def timed_table(self) -> list[str]:
        """The latency table of the space, where a compared budget is in milliseconds."""
        if not any(budget.max_latency_ms for budget in self.config.comparison.budgets):
            return []
        space = self.searches[f"search_{self.config.comparison.names[0]}"].space
        return [f"{self.results}/latency_tables/{space.digest}.json"]

    def checked_spaces(self) -> list[str]:
        """That the spaces of the compared searches can be made."""
        return [f"{self.results}/spaces/{name}.json" for name in self.config.comparison.names]

    def lookups(self) -> list[str]:
        """The true accuracy of every found architecture."""
        return [f"{self.results}/lookup/{search}.json" for search in self.found()]

    def rankings(self) -> list[str]:
        """What each supernet that single paths have trained says of random architectures, beside what it says of
        original images, where there are any."""
        found = self.found() if self.config.has_originals else []
        return [f"{self.results}/ranking/{search}.csv" for search in found if search.startswith("spos/")]

    def proxies(self) -> list[str]:
        """What training-free proxies say of candidates."""
        return [f"{self.results}/proxies/{run}.csv" for run in self.proxy_runs()]

    def proxy_runs(self) -> list[str]:
        """data/seed-n of each run of them, where a table can judge them."""
        comparison = self.config.comparison
        scored = comparison.proxies if self.config.lookup else ()
        return [f"{data}/seed-{seed}" for data in scored for seed in comparison.seeds]

    def pictures(self) -> list[str]:
        """The pictures of every synthetic data set that is used, with which the reports on its quality come; of the
        labels of all; and of the supernets' rankings and of the results under budgets, where there are any."""
        pictures = [path for name in self.used_sources() for path in self.source_pictures(name)]
        of_all: dict[str, Any] = {"labels": self.used_sources(), "rankings": self.config.lookup and self.rankings()}
        of_all["budgets"] = self.compares_budgets()
        return pictures + [f"{self.results}/pictures/{name}.png" for name, wanted in of_all.items() if wanted]

    def source_pictures(self, source: str) -> list[str]:
        """The pictures of a synthetic data set."""
        return [f"{self.results}/pictures/{source}/{kind}.png" for kind in ("images", "generations")]

    def search_pictures(self) -> list[str]:
        """The picture of every search, the random draws' included."""
        return [f"{self.results}/search/{search}/search.png" for search in self.found()]

    def training_pictures(self) -> list[str]:
        """The picture of the trainings of every algorithm's architectures."""
        trained = dict.fromkeys(run.split("/")[0] for run in self.runs())
        return [f"{self.results}/retrain/{algorithm}/curves.png" for algorithm in trained]

    def judgements(self) -> list[str]:
        """What original test images say of the synthetic ones, where that is asked for."""
        judged = self.used_sources() if self.config.comparison.judge_images else []
        return [f"{self.results}/quality/{name}/judgement.json" for name in judged]


def training_data(run: str) -> str:
    """The data that the network of a run, or the teacher, learnt from."""
    return ORIGINAL if run == "teacher" else run.split("/")[2]
