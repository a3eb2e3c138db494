"""A search step by step, what its state holds, and the search on a supernet that was trained so."""

import torch

from dfnas.search.darts import DartsSearch, DartsSupernet
from dfnas.search.proxyless import ProxylessSearch, ProxylessSupernet
from dfnas.search.spos import SposSearch, SposSupernet
from dfnas.search.supernet import Trained

DERIVED = {DartsSupernet: DartsSearch, ProxylessSupernet: ProxylessSearch}


def leaves(value) -> list:
    """Tensors, numbers and texts of a state; tensors as lists of their numbers."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        return [leaf for one in value for leaf in leaves(one)]
    return [value.tolist() if isinstance(value, torch.Tensor) else value]


def finish(search, start, end=None):
    """Steps of a search, to the last unless said otherwise; the rows that they report."""
    rows = []
    while start < (search.steps if end is None else end):
        rows.append(search.step(start))
        start += 1
    return [row for row in rows if row]


def trained(supernet) -> Trained:
    """A supernet as its steps so far leave it."""
    return Trained(supernet.network, supernet.strengths(), supernet.report())


def search_on(supernet):
    """The search on a trained supernet, under the budget that it was made with; what is no supernet is the search."""
    if type(supernet) in DERIVED:
        return DERIVED[type(supernet)](
            supernet.context.budget, supernet.settings, trained(supernet), supernet.context.seed
        )
    if isinstance(supernet, SposSupernet):
        return SposSearch(supernet.context, supernet.settings, trained(supernet))
    return supernet
