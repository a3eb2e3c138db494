"""Score random architectures without training any: draws within each of several budgets, with what training-free
proxies say of their untrained networks, on Gaussian noise or on the training images of a data set.

What is best by a score within a budget is what a search is to be held against: it costs seconds. AZ-NAS and other sums
of ranks are made of these scores by whoever reads them, among the candidates of one budget.
"""

import sys
from pathlib import Path

from dfnas.artifacts.proxy_scores import ProxyScores
from dfnas.dataset.images import load_split
from dfnas.proxies.inputs import image_batches, noise_batches
from dfnas.proxies.scored_draws import Scoring
from dfnas.proxies.scoring import Scorer, scored_space
from dfnas.runtime.errors import InputError
from dfnas.runtime.resumable import run
from dfnas.search.uniform import different_architectures
from dfnas.settings.proxies import ScoreArchitecturesSettings
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.names import reference
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.budgets import add_budgets
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import add_latency, add_task, checked_budget, latency_of, section, seed, task_of

STAGE = Stage("score_architectures", __doc__, ScoreArchitecturesSettings)
STAGE.argument("--space", type=section, required=True, metavar="JSON", help="the space, as in the section of a search")
add_budgets(STAGE)
STAGE.argument("--dataset", type=Path, metavar="FILE", help="the data set whose images are shown, instead of noise")
STAGE.argument("--search-data", required=True, metavar="NAME", help="its name in the tables; none for noise")
STAGE.argument("--seed", type=seed, required=True, metavar="N", help="seed of draws, weights and noise")
STAGE.output("--out", required=True, help="architectures with their scores, CSV")
add_task(STAGE, required=False)
add_latency(STAGE)


def score_architectures(job: Job[ScoreArchitecturesSettings]) -> None:
    options, settings = job.options, job.settings
    said = SpaceSettings.parse(options.space, "space")
    train = load_split(options.dataset, "train", job.device) if options.dataset else None
    if train is not None:
        task = Task(train.channels, train.size, train.classes)
        batches = image_batches(train, settings.batch_size, options.seed)
    else:
        if missing := [name for name in ("channels", "size", "classes") if getattr(options, name) is None]:
            raise InputError(f"scores on noise need {', '.join(f'--{name}' for name in missing)}")
        task = task_of(options)
        batches = noise_batches(task, settings.batch_size, options.seed, job.device)
    job.reads(code=[reference(said.name)])
    space = make(said.name, task, said.options)
    if not options.budgets:
        raise InputError("--budgets is missing: expected a list of budgets in JSON, [{}] for none")
    latency = latency_of(job, said, space, any(limits.max_latency_ms > 0 for limits in options.budgets))
    within = [checked_budget(space, limits, latency) for limits in options.budgets]
    scorer = Scorer(space, scored_space(said, space, settings.network_options), settings.proxies, batches, options.seed)
    with job.once(space=options.space, budgets=[limits.plain() for limits in options.budgets]) as checkpoint:
        drawn = [different_architectures(budget, options.seed, settings.draws) for budget in within]
        scoring = Scoring(scorer, drawn)
        run(scoring, checkpoint, f"scores on {options.search_data}, seed {options.seed}")
        lines = [
            ProxyScores(**limits.plain(), architecture=space.to_string(one), **scoring.of(one))
            for limits, ones in zip(options.budgets, drawn, strict=True)
            for one in ones
        ]
        ProxyScores.write(options.out, lines)


if __name__ == "__main__":
    sys.exit(STAGE.main(score_architectures))
