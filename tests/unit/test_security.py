"""What the code may not do, read from its syntax: no code from files but where the documentation says so, no shell."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "dfnas").rglob("*.py"), *(ROOT / "workflow").rglob("*.py")])
NEVER = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "pty"}
"""Modules."""
YAML = {"yaml.compose", "yaml.safe_load"}
"""What is used of YAML, and how: places and plain values. (Snakemake reads the configuration, with the safe loader.)"""
FORBIDDEN = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.execvp", "os.spawnv"}
STARTS_PROCESSES = {"dfnas/doctor/trials.py", "dfnas/doctor/workflow.py", "dfnas/spaces/repeatable.py"}
"""The doctor's trials, a dry run of Snakemake, and a user's space made once more: lists of words, and no shell."""
CONFINED = {
    "torch.load": {"dfnas/runtime/files.py"},
    "np.load": {"dfnas/dataset/originals.py"},
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


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """The dotted names that are called in a file, and the calls."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if all(part.isidentifier() for part in name.split(".")):
                found.append((name, node))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_runs_what_it_should_not(path):
    tree = ast.parse(path.read_text())
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & NEVER
    name = path.relative_to(ROOT).as_posix()
    assert "subprocess" not in imported or name in STARTS_PROCESSES
    for called, node in calls(path):
        assert called not in FORBIDDEN, called
        assert name in CONFINED.get(called, {name}), called
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        assert keywords.get("shell", "False") == "False"
        if called == "torch.load":
            assert keywords["weights_only"] == "True"
        if called.startswith("yaml."):
            assert called in YAML, called
            assert called != "yaml.compose" or ast.unparse(node.args[1]) in ("yaml.SafeLoader", "yaml.BaseLoader")
        if called == "np.load":
            assert keywords["allow_pickle"] == "False"


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
