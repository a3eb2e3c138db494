"""Write the model card of an exported network: what it is, where it came from, what it can do, and how to load it."""

import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dfnas.deploy.network import from_bytes, read
from dfnas.deploy.programs import INPUT, OUTPUT
from dfnas.measure.complexity import count_parameters
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import digest, existing, read_json, write_bytes
from dfnas.settings.base import as_size
from dfnas.settings.sources import NO_DATA, ORIGINAL
from dfnas.stages.artifacts import teacher_spec
from dfnas.stages.command import Job, Stage

STAGE = Stage("model_card", __doc__, None)
STAGE.argument("--network", type=Path, required=True, metavar="FILE", help="the exported network, safetensors")
STAGE.argument("--onnx", type=Path, required=True, metavar="FILE", help="its ONNX model")
STAGE.argument("--program", type=Path, required=True, metavar="FILE", help="its program of torch.export")
STAGE.argument("--metrics", type=Path, nargs="+", required=True, metavar="FILE", help="figures of all that it is of")
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="the teacher")
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the card, Markdown")

ROW = ("algorithm", "search_data", "retrain_data")
FIGURES = (*ROW, "seed", "validation_error", "top1_error", "top5_error", "macs", "test_images")
Table = Mapping[str, str]


def model_card(job: Job) -> None:
    options = job.options
    content, where = existing(options.network).read_bytes(), str(options.network)
    _, description = read(content, where)
    metrics = [read_json(path, FIGURES) for path in options.metrics]
    arguments = description["provenance"]["arguments"]
    row = [run for run in metrics if all(run[key] == arguments[key] for key in ROW)]
    figures = next((run for run in row if run["seed"] == arguments["seed"]), None)
    if figures is None:
        raise InputError(
            f"none of the {len(metrics)} files of figures is of {options.network}, which is "
            f"{', '.join(str(arguments[key]) for key in (*ROW, 'seed'))}; give those of its algorithm"
        )
    files = {path.name: path for path in (options.network, options.onnx, options.program)}
    sections = [
        f"# {arguments['algorithm']}: classifier of {description['architecture']['task']['classes']} classes",
        _table(_task(description) | _origin(description, options.teacher)),
        "## Figures",
        _table(_figures(figures, row, len(metrics), count_parameters(from_bytes(content, where)))),
        "## Use",
        _use(description, files),
        "## Files",
        _files(files.values()),
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


def _figures(figures: Mapping[str, Any], row: Sequence[Mapping[str, Any]], networks: int, parameters: int) -> Table:
    """Of the network, and of all seeds of its row, from which the reader learns how much is luck."""
    top1 = [100 * run["top1_error"] for run in row]
    spread = f" ± {statistics.stdev(top1):.3f}" if len(top1) > 1 else ""
    seeds = ", ".join(str(run["seed"]) for run in row)
    return {
        "top-1 error": f"{100 * figures['top1_error']:.3f} % of {figures['test_images']} original test images",
        "top-5 error": f"{100 * figures['top5_error']:.3f} %",
        f"top-1 error of all its seeds ({seeds})": f"{statistics.fmean(top1):.3f}{spread} %",
        "validation error": f"{100 * figures['validation_error']:.3f} %: the lowest of {networks}, hence this network",
        "parameters": f"{parameters:,}",
        "multiply-accumulates of an image": f"{figures['macs']:,}",
    }


def _use(description: Mapping[str, Any], files: Mapping[str, Path]) -> str:
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


def _files(paths: Iterable[Path]) -> str:
    lines = [f"| `{path.name}` | {existing(path).stat().st_size:,} | `{digest(path)}` |" for path in paths]
    return "\n".join(["| file | bytes | SHA-256 |", "| --- | --: | --- |", *lines])


def _settings(description: Mapping[str, Any]) -> str:
    found = description["architecture"].get("provenance")  # an architecture written by hand has none
    parts = {f"Of the search (`{found['stage']}`)": found["settings"]} if found else {}
    parts["Of the training (`retrain`)"] = description["provenance"]["settings"]
    parts["Choices of the architecture"] = description["architecture"]["choices"]
    return "\n\n".join(f"{title}:\n\n```json\n{json.dumps(part, indent=2)}\n```" for title, part in parts.items())


def _table(rows: Table) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())])


if __name__ == "__main__":
    sys.exit(STAGE.main(model_card))
