"""proxies/{data}/seed-{n}.csv: what training-free proxies say of candidates that were drawn uniformly within each of
several budgets."""

from typing import Annotated

from pydantic import AllowInfNan

from dfnas.artifacts.lines import Line

Score = Annotated[float, AllowInfNan(True)] | None


class ProxyScores(Line):
    """A candidate with its scores, the more the better. They may be infinite; an empty one is not known."""

    max_macs_m: float
    max_params_m: float
    max_latency_ms: float
    architecture: str
    macs_m: float
    params_m: float
    synflow: Score = None
    naswot: Score = None
    jacov: Score = None
    zico: Score = None
    grad_norm: Score = None
    expressivity: Score = None
    progressivity: Score = None
    trainability: Score = None
