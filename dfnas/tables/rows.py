"""A row of Table 1: all networks of one algorithm, space, search data and retrain data, over the seeds."""

import statistics
from collections.abc import Iterable, Sequence

from dfnas.artifacts.metrics import Metrics, NetworkMetrics
from dfnas.artifacts.table1 import RowKey, Table1Row
from dfnas.measure.choice import best_of

Networks = Sequence[Metrics]
"""Those of a row: trained ones, or the teacher alone."""


def by_row(networks: Iterable[Metrics]) -> dict[RowKey, list[Metrics]]:
    """The figures of networks by the row that they are of, in their order."""
    groups: dict[RowKey, list[Metrics]] = {}
    for one in networks:
        groups.setdefault(key_of(one), []).append(one)
    return groups


def key_of(network: Metrics) -> RowKey:
    """The row that a network is of."""
    return (network.algorithm, network.space, network.search_data, network.retrain_data)


def row_of(networks: Networks) -> Table1Row:
    """One row over its seeds: errors and other shares in percent, sizes in millions. The architecture shown is that of
    the seed with the lowest error on the validation images; the test images choose nothing."""
    first = networks[0]
    trained = [one for one in networks if isinstance(one, NetworkMetrics)]
    top1 = [100 * one.top1_error for one in networks if one.top1_error is not None]
    return Table1Row(
        algorithm=first.algorithm,
        space=first.space,
        search_data=first.search_data,
        retrain_data=first.retrain_data,
        seeds=len(trained) or None,
        top1_error_mean=_mean_percent([one.top1_error for one in networks]),
        top1_error_std=statistics.stdev(top1) if len(top1) > 1 else None,
        top5_error_mean=_mean_percent([one.top5_error for one in networks]),
        ece_mean=_mean_percent([one.ece for one in networks]),
        ece_scaled_mean=_mean_percent([one.ece_scaled for one in networks]),
        teacher_agreement_mean=statistics.fmean(100 * one.teacher_agreement for one in networks),
        params_m=statistics.fmean(one.parameters for one in networks) / 1e6,
        macs_m=statistics.fmean(one.macs for one in networks) / 1e6,
        architecture=best_of(trained).architecture if trained else "",
    )


def _mean_percent(shares: Iterable[float | None]) -> float | None:
    """None where one of them is not known."""
    known = list(shares)
    return None if None in known else statistics.fmean(100 * share for share in known if share is not None)


def figures_of(row: Table1Row) -> tuple[str, str, str]:
    """Of a row, as texts: its error in percent, with the spread over seeds, or without original images its agreement
    with the teacher; millions of parameters and of multiply-accumulates."""
    error = row.teacher_agreement_mean if row.top1_error_mean is None else row.top1_error_mean
    spread = "" if row.top1_error_std is None else f" ± {row.top1_error_std:.3f}"
    return f"{error:.3f}{spread}", f"{row.params_m:.3f}", f"{row.macs_m:.2f}"
