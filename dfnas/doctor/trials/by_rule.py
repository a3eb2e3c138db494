"""All trials, by the rule that each is about."""

from collections.abc import Callable, Sequence

from dfnas.doctor.bench import Bench
from dfnas.doctor.trials.cost import JobCost
from dfnas.doctor.trials.darts import search_darts
from dfnas.doctor.trials.from_scratch import search_evolution, search_random
from dfnas.doctor.trials.inversion import invert_teacher
from dfnas.doctor.trials.proxyless import search_proxyless
from dfnas.doctor.trials.spos import search_spos
from dfnas.doctor.trials.training import judge_images, pretrain_teacher, retrain

TRIALS: dict[str, Callable[[Bench, Sequence[str]], list[JobCost]]] = {
    "pretrain_teacher": pretrain_teacher,
    "judge_images": judge_images,
    "invert_teacher": invert_teacher,
    "search_darts": search_darts,
    "search_proxyless": search_proxyless,
    "search_spos": search_spos,
    "search_random": search_random,
    "search_evolution": search_evolution,
    "retrain": retrain,
}
