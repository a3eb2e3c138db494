"""Ask a supernet that SPOS has trained what it thinks of random architectures: uniform draws, each scored as the search
scores its candidates, on the search's own held-out images and on original ones, which only judge.

How well its order is that of the true accuracies says what the search had to go by, apart from the luck of one result.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from dfnas.artifacts.ranking import RankedArchitecture
from dfnas.artifacts.supernet import load_supernet
from dfnas.dataset.class_order import check_class_names
from dfnas.dataset.images import load_split
from dfnas.runtime.errors import InputError
from dfnas.runtime.resumable import run
from dfnas.search.path_scores import PathScores
from dfnas.search.ranking import Ranking
from dfnas.search.ranks import further_scores
from dfnas.settings.lookup import RankArchitecturesSettings
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.spaces.names import reference
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import section, seed, with_labels

STAGE = Stage("rank_architectures", __doc__, RankArchitecturesSettings)
STAGE.argument("--supernet", type=Path, required=True, metavar="FILE", help="the supernet, as the search left it")
STAGE.argument("--search", type=section, required=True, metavar="JSON", help="section search_spos of that search")
STAGE.argument("--dataset", type=Path, required=True, metavar="FILE", help="the data set that was searched on")
STAGE.argument("--teacher", type=Path, metavar="FILE", help="the teacher, where the search asked it for labels once")
STAGE.argument("--original", type=Path, required=True, metavar="FILE", help="the original data set")
STAGE.argument("--search-data", required=True, metavar="NAME", help="name of the searched data in the tables")
STAGE.argument("--search-seed", type=seed, required=True, metavar="N", help="seed of the search")
STAGE.output("--out", required=True, help="architectures with their scores, CSV")


def rank_architectures(job: Job[RankArchitecturesSettings]) -> None:
    options, settings = job.options, job.settings
    search = SearchSposSettings.parse(options.search, "search_spos")
    train, held_out = (load_split(options.dataset, split, job.device) for split in ("train", "validation"))
    if search.asks_teacher_itself:
        (train, held_out), _ = with_labels(job, search, train, held_out)
    original = load_split(options.original, settings.split, job.device)
    task = Task(train.channels, train.size, train.classes)
    if Task(original.channels, original.size, original.classes) != task:
        raise InputError(f"{options.dataset} is for {task}, {options.original} is not; make shard_original agree")
    check_class_names(original.class_names, options.original, train.class_names, options.dataset)
    original = replace(original, mean=train.mean, std=train.std)  # what the supernet was trained with
    space = make(search.space.name, task, search.space.options)
    supernet = load_supernet(options.supernet, space, job.device)
    scores = PathScores(space, supernet.network, train, search, options.search_seed)
    scorer = None
    if search.ranks is not None:
        scorer = further_scores(search.ranks, search.space, space, options.search_seed, job.device)
    ranking = Ranking(scores, held_out, original, search, settings.architectures, settings.seed, scorer)
    job.reads(code=[reference(search.space.name)])
    with job.once(search=options.search) as checkpoint:
        history, _ = run(ranking, checkpoint, f"ranking by {options.search_data}, seed {options.search_seed}")
        searched: dict[str, Any] = {"search_data": options.search_data, "seed": options.search_seed}
        rows = [searched | row for row in ranking.with_ranks(history)]
        RankedArchitecture.write(options.out, [RankedArchitecture(**row) for row in rows])


if __name__ == "__main__":
    sys.exit(STAGE.main(rank_architectures))
