"""Where artifacts came from, as a page of HTML: stage by stage, with a check of every recorded digest."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dfnas.artifacts.provenance import Provenance
from dfnas.tables import html

SHORT = 12
"""Digits of a digest that are shown; the rest in a tooltip."""
HEADER = ("artifact", "SHA-256", "arguments", "made from")


class Artifact(NamedTuple):
    """A file, and what it says of itself."""

    path: str
    digest: str
    """SHA-256 of the file as it is now."""
    provenance: Provenance


def page(artifacts: Sequence[Artifact], others: Mapping[str, str | None], versions: Mapping[str, str]) -> str:
    """The page.

    Args:
        artifacts: in any order; a stage is shown after those that it follows.
        others: files that they were made from and that say nothing of themselves, with their digests now; None where a
            file is no longer there.
        versions: of packages, as the page was written.
    """
    now = {artifact.path: artifact.digest for artifact in artifacts} | dict(others)
    stages: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        stages.setdefault(artifact.provenance.stage, []).append(artifact)
    steps = _steps(artifacts)
    ordered = sorted(stages, key=lambda stage: max(steps[artifact.path] for artifact in stages[stage]))
    return html.page(
        "Where everything came from",
        html.paragraph(
            "What each artifact says of itself: the stage that made it, that stage's settings and a digest of its "
            "code, its arguments, seeds among them, and the digests of the files that it was made from. Every digest "
            "was compared with the file as it is now. Figures, tables and pictures follow from these artifacts."
        ),
        _verdict(artifacts, now),
        _versions(artifacts, versions),
        *(_section(stage, stages[stage], now) for stage in ordered),
    )


def _steps(artifacts: Iterable[Artifact]) -> dict[str, int]:
    """For each artifact the longest way to it from one that was made from none."""
    inputs = {artifact.path: artifact.provenance.inputs for artifact in artifacts}
    steps: dict[str, int] = {}

    def step(path: str) -> int:
        if path not in steps:
            steps[path] = 1 + max((step(before) for before in inputs[path] if before in inputs), default=-1)
        return steps[path]

    return {path: step(path) for path in inputs}


def _verdict(artifacts: Sequence[Artifact], now: Mapping[str, str | None]) -> str:
    """Whether the chain is whole."""
    inputs = [item for artifact in artifacts for item in artifact.provenance.inputs.items()]
    changed = list(dict.fromkeys(path for path, digest in inputs if now[path] not in (digest, None)))
    gone = list(dict.fromkeys(path for path, _ in inputs if now[path] is None))
    count = f"{len(artifacts)} artifacts, {len(inputs)} recorded inputs"
    if not changed and not gone:
        return html.paragraph(f'<span class="good">{count}: every one is the file that was read.</span>')
    stories = [f"{html.escaped(path)} has changed since it was read" for path in changed]
    stories += [f"{html.escaped(path)} is no longer there" for path in gone]
    return html.paragraph(f'<span class="bad">{count}: {"; ".join(stories)}.</span>')


def _versions(artifacts: Iterable[Artifact], versions: Mapping[str, str]) -> str:
    """What the artifacts say, and what is installed now."""
    said = {
        name: _joined(getattr(artifact.provenance, name) for artifact in artifacts)
        for name in ("dfnas", "torch", "device")
    }
    recorded = "; ".join(f"{name} {html.escaped(value)}" for name, value in said.items())
    installed = ", ".join(f"{html.escaped(name)} {html.escaped(version)}" for name, version in versions.items())
    return html.paragraph(f"Recorded in the artifacts: {recorded}. Installed as this page was written: {installed}.")


def _section(stage: str, artifacts: Sequence[Artifact], now: Mapping[str, str | None]) -> str:
    """A table of the artifacts of one stage, under their settings, which are the same for all or follow each other."""
    settings = dict.fromkeys(json.dumps(artifact.provenance.settings, indent=2) for artifact in artifacts)
    codes = _joined(artifact.provenance.code for artifact in artifacts)
    shown = "".join(f"<pre>{html.escaped(text)}</pre>" for text in settings if text != "{}")
    return "\n".join(
        (
            f"<h2>{html.escaped(stage)}</h2>",
            html.paragraph(f"Code <code>{html.escaped(codes)}</code>"),
            f"<details><summary>settings</summary>{shown}</details>" if shown else "",
            html.table(HEADER, (_row(artifact, now) for artifact in artifacts), len(HEADER)),
        )
    )


def _row(artifact: Artifact, now: Mapping[str, str | None]) -> list[str]:
    said = artifact.provenance
    given = said.arguments | ({"processes": said.processes} if said.processes > 1 else {})
    files = [None, *said.inputs]
    shown = {n: value for n, value in given.items() if any(v not in files for v in _several(value))}
    arguments = ", ".join(f"{name} {_text(value)}" for name, value in shown.items())
    inputs = "<br>".join(_input(path, digest, now[path]) for path, digest in said.inputs.items())
    return [_path(artifact.path), _digest(artifact.digest), html.escaped(arguments), inputs or "–"]


def _several(argument: Any) -> list[Any]:
    return argument if isinstance(argument, list) else [argument]


def _text(argument: Any) -> str:
    return argument if isinstance(argument, str) else json.dumps(argument)


def _input(path: str, digest: str, now: str | None) -> str:
    if now == digest:
        mark = '<span class="good">✓</span>'
    else:
        mark = f'<span class="bad">{"is gone" if now is None else "has changed"}</span>'
    return f"{_path(path)} {_digest(digest)} {mark}"


def _path(path: str) -> str:
    return f'<span class="path">{html.escaped(path)}</span>'


def _digest(digest: str) -> str:
    return f'<code title="{html.escaped(digest)}">{html.escaped(digest[:SHORT])}</code>'


def _joined(values: Iterable[object]) -> str:
    """Each value once."""
    return ", ".join(dict.fromkeys(map(str, values)))
