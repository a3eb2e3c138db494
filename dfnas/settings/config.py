"""The whole configuration, checked."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import model_validator

from dfnas.runtime.errors import InputError
from dfnas.settings.agreement import CHECKS
from dfnas.settings.algorithms import NAMES, short_name
from dfnas.settings.sections import Sections
from dfnas.settings.sources import lay_over_base


class Config(Sections):
    """Everything that `config.yaml` may say. The section of an algorithm of the user's is one more, `search_<name>`."""

    @classmethod
    def parse(cls, values: Any, section: str = "") -> Self:
        """See `Settings.parse`. What a source does not say, it has from the base sections, and `retrain_synthetic` from
        `retrain`."""
        if isinstance(values, Mapping):
            own = _own_searches(values)
            known = (*cls.model_fields, *own)
            for name in values:
                if name not in known:
                    advice = "; name the class of an algorithm of yours in comparison.algorithms"
                    raise InputError(
                        f"unknown key '{name}'; expected one of {', '.join(known)}"
                        f"{advice if str(name).startswith('search_') else ''}"
                    )
            for name, algorithm in own.items():
                if name not in values:
                    raise InputError(
                        f"comparison.algorithms names '{algorithm}', and there is no section {name}; give it one, with "
                        "the space at least"
                    )
        return super().parse(lay_over_base(values), section)

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        for check in CHECKS:
            check(self)
        return self


def _own_searches(values: Mapping[str, Any]) -> dict[str, str]:
    """The algorithms of the user's that a configuration names, by the section of each."""
    comparison = values.get("comparison")
    named = comparison.get("algorithms") if isinstance(comparison, Mapping) else None
    own = {}
    for algorithm in named if isinstance(named, list | tuple) else ():
        if isinstance(algorithm, str) and algorithm not in NAMES:
            try:
                own[f"search_{short_name(algorithm)}"] = algorithm
            except InputError as error:
                raise InputError(f"comparison.algorithms = '{algorithm}': {error}") from None
    return own
