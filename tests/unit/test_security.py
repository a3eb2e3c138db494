"""What the code may not do, read from its syntax: no code from files but where the documentation says so, no shell."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "dfnas").rglob("*.py"), *(ROOT / "workflow").rglob("*.py")])
NEVER = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "pty"}
"""Modules."""
YAML = {"yaml.compose", "yaml.safe_dump", "yaml.safe_load"}
"""What is used of YAML, and how: places and plain values. (Snakemake reads the configuration, with the safe loader.)"""
FORBIDDEN = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.execvp", "os.spawnv"}
STARTS_PROCESSES = {
    *("dfnas/doctor/trials.py", "dfnas/doctor/workflow.py", "dfnas/spaces/repeatable.py"),
    "dfnas/commands/run.py",
}
"""The doctor's trials, a dry run of Snakemake, and a user's space made once more; Snakemake before its report. Lists of
words, and no shell."""
CONFINED = {
    "torch.load": {"dfnas/runtime/files.py"},
    "np.load": {"dfnas/dataset/originals.py", "workflow/real_images.py"},
    "torch.jit.load": {"dfnas/classifiers/torchscript.py"},  # TorchScript: a language of its own, without files
    "torch.export.load": {"dfnas/deploy/programs.py"},  # of what `export` has in memory
    "importlib.import_module": {
        "dfnas/runtime/objects.py",  # the user's code
        "dfnas/runtime/packages.py",  # packages by our own names
        "dfnas/commands/main.py",  # and subcommands
    },
    "runpy.run_module": {"dfnas/doctor/worker.py"},  # stages, that the doctor tries
    "importlib.util.spec_from_file_location": {"dfnas/runtime/objects.py"},
    "torch.hub.load": {"dfnas/classifiers/builders.py"},  # the user's code too
}
"""Calls, and the only files that may have them."""


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """The dotted names that are called in a file, and the calls."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if all(part.isidentifier() for part in name.split(".")):
                yield name, node


def forbidden(path: Path) -> Iterator[str]:
    """What a file has and should not have."""
    name = path.relative_to(ROOT).as_posix()
    for node in ast.walk(parsed(path)):
        named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules = {module.split(".")[0] for module in named}
        yield from modules & NEVER
        yield from modules & {"subprocess"} if name not in STARTS_PROCESSES else ()
    for called, node in calls(path):
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        wrong = called in FORBIDDEN or name not in CONFINED.get(called, {name})
        wrong |= keywords.get("shell", "False") != "False"
        wrong |= called == "torch.load" and keywords["weights_only"] != "True"
        wrong |= called == "np.load" and keywords["allow_pickle"] != "False"
        if called.startswith("yaml."):
            wrong |= called not in YAML
            wrong |= called == "yaml.compose" and ast.unparse(node.args[1]) not in (
                "yaml.SafeLoader",
                "yaml.BaseLoader",
            )
        if wrong:
            yield ast.unparse(node)


def test_no_file_runs_what_it_should_not():
    found = {path.relative_to(ROOT).as_posix(): list(forbidden(path)) for path in FILES}
    assert not {name: wrong for name, wrong in found.items() if wrong}


def test_there_is_one_place_that_reads_checkpoints():
    found = [(path, name) for path in FILES for name, _ in calls(path) if name == "torch.load"]
    assert found == [(ROOT / "dfnas/runtime/files.py", "torch.load")]


def test_rules_quote_every_path():
    """A path in a shell command has `:q`, which Snakemake quotes by; parameters are quoted where they are made."""
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for line in path.read_text().splitlines():
            for part in ("{input", "{output", "{log"):
                for place in line.split(part)[1:]:
                    if "python -m" in line or line.strip().startswith('" '):
                        assert place.split("}")[0].endswith(":q"), line
