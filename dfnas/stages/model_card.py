"""Write the model card of an exported network: what it is, where it came from, what it can do, and how to load it."""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from dfnas.artifacts.latency import Latency, read_latencies
from dfnas.artifacts.metrics import NetworkMetrics, TeacherMetrics, read_metrics
from dfnas.artifacts.network import Training
from dfnas.artifacts.teacher import teacher_spec
from dfnas.deploy.network import assembled, read
from dfnas.deploy.programs import INPUT, OUTPUT
from dfnas.measure.choice import few_to_choose_by
from dfnas.measure.complexity import count_parameters
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import digest, existing, write_bytes
from dfnas.settings.base import as_size
from dfnas.settings.sources import NO_DATA, ORIGINAL
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.tables import markdown
from dfnas.tables.rows import by_row, row_of
from dfnas.tables.verdict import sentence

STAGE = Stage("model_card", __doc__, None)
STAGE.argument("--network", type=Path, required=True, metavar="FILE", help="the exported network, safetensors")
STAGE.argument("--onnx", type=Path, required=True, metavar="FILE", help="its ONNX model")
STAGE.argument("--program", type=Path, required=True, metavar="FILE", help="its program of torch.export")
STAGE.argument(
    "--metrics", type=Path, nargs="+", required=True, metavar="FILE", help="figures of its algorithm, and the teacher's"
)
STAGE.argument("--latency", type=Path, required=True, metavar="FILE", help="milliseconds and megabytes by network, CSV")
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="the teacher")
STAGE.output("--out", required=True, help="the card, Markdown")

Table = Mapping[str, str]


def model_card(job: Job[None]) -> None:
    options = job.options
    files = {path: existing(path).read_bytes() for path in (options.network, options.onnx, options.program)}
    state, description = read(files[options.network], str(options.network))
    parameters = count_parameters(assembled(state, description, str(options.network)))
    measured = [read_metrics(path) for path in options.metrics]
    metrics = [one for one in measured if isinstance(one, NetworkMetrics)]
    teacher = next((one for one in measured if isinstance(one, TeacherMetrics)), None)
    identity = Training.of(description["provenance"], options.network, "provenance").arguments.identity
    row = [one for one in metrics if one.identity[:-1] == identity[:-1]]
    figures = next((one for one in row if one.identity == identity), None)
    if figures is None:
        raise InputError(
            f"none of the {len(metrics)} files of figures is of {options.network}, which is "
            f"{', '.join(map(str, identity))}; give those of its algorithm"
        )
    latencies = read_latencies(options.latency).get(identity, [])
    sections = [
        f"# {identity.algorithm}: classifier of {description['architecture']['task']['classes']} classes",
        _table({**_task(description), **_origin(description, options.teacher)}),
        *(["## Verdict", _verdict(figures, metrics, teacher)] if teacher else []),
        "## Figures",
        _table(_figures(figures, row, len(metrics), parameters)),
        "## Speed and memory",
        _speed(latencies),
        "## Use",
        _use(description, [path.name for path in files]),
        "## Files",
        _files(files),
        "## Settings",
        _settings(description),
    ]
    write_bytes(options.out, ("\n\n".join(sections) + "\n").encode())


def _task(description: Mapping[str, Any]) -> Table:
    task, normalisation = description["architecture"]["task"], description["normalisation"]
    height, width = as_size(task["size"])
    return {
        "input": f"images (B, {task['channels']}, {height}, {width}), float32, pixels in [0, 1]",
        "normalisation": f"inside: less {list(normalisation['mean'])}, by {list(normalisation['std'])}",
        "output": f"logits (B, {task['classes']})",
        "classes": ", ".join(description["class_names"]),
    }


def _origin(description: Mapping[str, Any], teacher: Path) -> Table:
    provenance, spec = description["provenance"], teacher_spec(teacher)
    arguments = provenance["arguments"]
    return {
        "search space": f"`{description['architecture']['space']['name']}`",
        "searched with": f"{arguments['algorithm']}, seed {arguments['seed']}",
        "searched on": _data(arguments["search_data"]),
        "trained on": _data(arguments["retrain_data"]),
        "teacher": f"`{spec.builder}`, SHA-256 `{digest(teacher)}`",
        "made by": f"dfnas {provenance['dfnas']}, torch {provenance['torch']}",
    }


def _data(name: str) -> str:
    if name == NO_DATA:
        return "no images"
    return "original images" if name == ORIGINAL else f"`{name}`: images made from the teacher alone, none original"


def _verdict(figures: NetworkMetrics, networks: Sequence[NetworkMetrics], teacher: TeacherMetrics) -> str:
    """What the network is worth, beside its teacher, chance and what was trained on original images."""
    rows = [row_of(group) for group in by_row(networks).values()]
    said = f"This is {sentence(row_of([figures]), row_of([teacher]), rows, teacher.classes)}"
    if few := few_to_choose_by(figures.held_out_images, figures.classes):
        said += f" It was chosen by few images: {few}."
    return markdown.escaped(said)


def _figures(figures: NetworkMetrics, row: Sequence[NetworkMetrics], networks: int, parameters: int) -> Table:
    """Of the network, and of all seeds of its row, from which the reader learns how much is luck."""
    why = f": the lowest of {networks}, hence this network" if networks > 1 else ""
    return {
        **_errors(figures, row),
        "validation error": f"{100 * figures.validation_error:.3f} % of {figures.held_out_images} held-out images{why}",
        "parameters": f"{parameters:,}",
        "multiply-accumulates of an image": f"{figures.macs:,}",
    }


def _errors(figures: NetworkMetrics, row: Sequence[NetworkMetrics]) -> Table:
    """On original test images, if there are any."""
    top1 = [100 * one.top1_error for one in row if one.top1_error is not None]
    if figures.top1_error is None or figures.top5_error is None:
        agreement = f"{100 * figures.teacher_agreement:.3f} % of synthetic images that were held out"
        return {
            "top-1 error": "not known: there are no original images to test by",
            "agreement with the teacher": agreement,
        }
    spread = f" ± {statistics.stdev(top1):.3f}" if len(top1) > 1 else ""
    seeds = ", ".join(str(one.seed) for one in row)
    return {
        "top-1 error": f"{100 * figures.top1_error:.3f} % of {figures.test_images} original test images",
        "top-5 error": f"{100 * figures.top5_error:.3f} %",
        f"top-1 error of all its seeds ({seeds})": f"{statistics.fmean(top1):.3f}{spread} %",
    }


def _speed(latencies: Sequence[Latency]) -> str:
    """Of forward passes on the machine of the workflow."""
    if not latencies:
        return "Not measured."
    header = ("on", "images a pass", "ms (median)", "interquartile range, ms", "memory beside the weights, MB")
    rows = [
        (
            _machine(one),
            str(one.batch_size),
            f"{one.latency_ms:.3f}",
            f"{one.iqr_ms:.3f}",
            f"{one.peak_mb:.3f}",
        )
        for one in latencies
    ]
    said = "Memory is that of the input and of the activations that live at once, on a GPU with the kernels' own."
    return f"{markdown.table(header, rows, 1)}\n{said}"


def _machine(latency: Latency) -> str:
    threads = f", {latency.threads} thread{'s' if latency.threads > 1 else ''}" if latency.device == "cpu" else ""
    return markdown.escaped(f"{latency.device_name}{threads}")


def _use(description: Mapping[str, Any], files: Sequence[str]) -> str:
    """The lines that load each file, in its folder."""
    weights, onnx, program = files
    space = description["architecture"]["space"]["name"]
    own = f" and `{space.rpartition(':')[0]}`" if ":" in space else ""
    return f"""With dfnas{own}:

```python
from dfnas.deploy import load
network = load("{weights}")
{OUTPUT} = network({INPUT})
```

With torch alone:

```python
import torch
network = torch.export.load("{program}").module()
{OUTPUT} = network({INPUT})
```

With ONNX Runtime alone, on arrays of numpy:

```python
import onnxruntime
session = onnxruntime.InferenceSession("{onnx}")
({OUTPUT},) = session.run(None, {{"{INPUT}": {INPUT}}})
```"""


def _files(files: Mapping[Path, bytes]) -> str:
    rows = [(f"`{path.name}`", f"`{sha256(held).hexdigest()}`", f"{len(held):,}") for path, held in files.items()]
    return markdown.table(("file", "SHA-256", "bytes"), rows, 2).rstrip()


def _settings(description: Mapping[str, Any]) -> str:
    found = description["architecture"].get("provenance")  # an architecture written by hand has none
    parts = {f"Of the search (`{found['stage']}`)": found["settings"]} if found else {}
    parts["Of the training (`retrain`)"] = description["provenance"]["settings"]
    parts["Choices of the architecture"] = description["architecture"]["choices"]
    return "\n\n".join(f"{title}:\n\n```json\n{json.dumps(part, indent=2)}\n```" for title, part in parts.items())


def _table(rows: Table) -> str:
    return markdown.table(("", ""), rows.items(), 2).rstrip()


if __name__ == "__main__":
    sys.exit(STAGE.main(model_card))
