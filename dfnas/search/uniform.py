"""The baseline: an architecture drawn uniformly, without looking at any data."""

from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import python_random
from dfnas.search.cost import check_limit
from dfnas.spaces.space import Space

ATTEMPTS = 10_000


def random_architecture(space: Space, max_macs_m: float, seed: int) -> dict[str, str]:
    """A uniform draw among the architectures of at most `max_macs_m` million multiply-accumulates (0: no limit).

    Raises:
        InputError: none of 10,000 draws keeps the limit.
    """
    check_limit(space, max_macs_m, "search_random.max_macs_m")
    rng = python_random(seed, "random")
    for _ in range(ATTEMPTS):
        architecture = space.sample(rng)
        if not max_macs_m or space.macs(architecture) <= max_macs_m * 1e6:
            return architecture
    raise InputError(f"search_random.max_macs_m = {max_macs_m}: none of {ATTEMPTS} random architectures keeps it")
