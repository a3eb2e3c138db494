"""The rules: which there are, what each declares, and the stage that each runs."""

import ast
import re
from pathlib import Path

import pytest
from calling import stage_of
from running import REDUCED, ROOT, overlay, recipes
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings
from tables import made_up_table

from dfnas.rules import RULES
from dfnas.settings.algorithms import NAMES
from dfnas.settings.base import sections_in
from dfnas.settings.config import Config
from dfnas.targets import TARGETS

CHAIN = {
    "pretrain_teacher",
    "invert_teacher",
    "calibrate_labels",
    "shard_dataset",
    "shard_original",
    "supernet_darts",
    "supernet_proxyless",
    "supernet_spos",
    "search_darts",
    "search_proxyless",
    "search_spos",
    "search_random",
    "search_evolution",
    "within_budgets",
    "search_training_free",
    "check_spaces",
    "measure_options",
    "retrain",
    "evaluate",
    "compare_data",
    "measure_latency",
    "assess_images",
    "judge_images",
    "draw_images",
    "draw_labels",
    "draw_search",
    "draw_training",
    "draw_comparison",
    "table1",
    "typeset_table1",
    "export",
    "model_card",
    "provenance",
    "describe_run",
}
LOOKUP = {
    *("lookup", "rank_architectures", "tabulate_lookups", "draw_rankings", "cost_table", "tabulate_correlations"),
    *("tabulate_budgets", "draw_budgets"),
}
"""With a section `lookup`; the last two where budgets are compared."""
SCORES = {"score_architectures"}  # there for whoever asks, and with a section `lookup` wanted by default
STAGES = sorted(CHAIN | LOOKUP | SCORES | {"import_teacher"})  # import_network runs the stage of import_teacher
WITHOUT_SETTINGS = {
    *("draw_budgets", "check_spaces", "draw_images", "draw_labels", "draw_search", "draw_training", "draw_comparison"),
    *("table1", "typeset_table1", "export", "model_card", "provenance", "describe_run"),
}
OF_ANY_SEARCH = "within_budgets"  # whose section is that of the algorithm of a job
ROOMS_ABOVE = {
    "stages": ("runs", "doctor", "commands"),
    "runs": ("commands",),
    "doctor": ("commands", "project"),
    "project": ("commands",),
    "live": ("commands",),
    "commands": (),
}
"""Rooms that know artifacts, each with those that may import it."""
LOOKUP_BASE = Path("tests", "assets", "lookup.yaml")


def parsed(directory: Path, *configuration: Path, base: Path = REDUCED) -> dict:
    """The rules as Snakemake understands them, by name."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[ROOT / base, *configuration]),
            snakefile=ROOT / "Snakefile",
            workdir=directory,
        )
        return {rule.name: rule for rule in workflow._workflow.rules}


@pytest.fixture(scope="module")
def rules(tmp_path_factory) -> dict:
    return parsed(tmp_path_factory.mktemp("rules"))


def test_every_target_is_a_rule_that_runs_nothing(rules):
    for name in TARGETS:
        assert rules[name].input
        assert not rules[name].output
        assert not rules[name].shellcmd


def test_the_rules_are_those_of_the_chain(rules):
    assert set(rules) - set(TARGETS) == CHAIN | SCORES
    assert set(RULES) == {*STAGES, "import_network"}


def test_a_checkpoint_replaces_the_rule_that_trains_a_stand_in(tmp_path):
    weights = overlay(tmp_path / "weights.yaml", {"teacher": {"weights": "teacher.pt"}})
    assert set(parsed(tmp_path / "run", weights)) - set(TARGETS) == CHAIN - {"pretrain_teacher"} | SCORES | {
        "import_teacher"
    }


def network(tmp_path: Path, **sections: dict) -> Path:
    """A configuration with sections of networks beside the teacher, on the task of the reduced configuration."""
    task = {"classes": 10, "channels": 1, "size": 8, "mean": [0.3], "std": [0.35]}
    return overlay(tmp_path / "networks.yaml", {role: {**task, **section} for role, section in sections.items()})


def test_a_network_beside_the_teacher_has_a_rule_of_its_own(tmp_path):
    configuration = network(tmp_path, verifier={"weights": "verifier.pt"})
    found = parsed(tmp_path / "run", configuration)
    assert set(found) - set(TARGETS) == CHAIN | SCORES | {"import_network"}
    assert "python -m dfnas.stages.import_teacher " in found["import_network"].shellcmd


def test_several_gpus_are_a_process_each_and_each_has_its_threads(tmp_path):
    configuration = overlay(tmp_path / "gpus.yaml", {"resources": {"retrain": {"gpu": 4, "threads": 2}}})
    rule = parsed(tmp_path / "run", configuration)["retrain"]
    assert rule.params["launcher"] == "torchrun --standalone --nproc-per-node 4"
    assert "--threads 2 " in rule.params["machine"]
    assert (rule.resources["_cores"].value, rule.resources["gpu"].value) == (8, 4)


@pytest.fixture(scope="module")
def rules_with_lookup(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("rules")
    budgets = overlay(folder / "budgets.yaml", {"comparison": {"budgets": [{}]}})
    return parsed(folder, budgets, base=LOOKUP_BASE)


def test_a_table_of_true_accuracies_has_rules_of_its_own(rules_with_lookup):
    assert set(rules_with_lookup) - set(TARGETS) == CHAIN | LOOKUP | SCORES


@pytest.mark.parametrize("name", sorted(CHAIN | LOOKUP | SCORES))
def test_every_rule_declares_log_benchmark_resources_params_and_environment(rules_with_lookup, name):
    rule = rules_with_lookup[name]
    assert len(list(rule.log)) == 1
    assert rule.benchmark
    assert rule.resources["_cores"].value >= 1
    assert {"mem_mb", "runtime", "gpu"} <= set(rule.resources)
    assert {"machine", "code"} <= set(rule.params.keys())
    assert name in WITHOUT_SETTINGS or "options" in rule.params.keys()  # noqa: SIM118
    assert Path(str(rule.conda_env)).name == "dfnas.yaml"
    command = rule.shellcmd
    for part in ("launcher", "algorithm", "algorithm:q"):
        value = dict(rule.params.items()).get(part.removesuffix(":q"), "")
        command = command.replace(f"{{params.{part}}}", value if isinstance(value, str) else "")
    called = name.replace("_", " ", 1) if RULES[name].is_search or RULES[name].is_supernet else name
    assert f"python -m dfnas.stages.{called} " in command


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_explains_every_option(name):
    stage, _ = stage_of(f"{name} spos" if name == OF_ANY_SEARCH else name)
    assert stage.name == name
    assert stage.together == RULES[name].shared
    assert f"dfnas.stages.{RULES[name].stage}" in stage.parser.format_help()
    unexplained = [action.option_strings for action in stage.parser._actions if len(action.help or "") < 4]
    assert not unexplained
    section = Config.model_fields.get(RULES[name].section)
    assert (section is None) == (name in WITHOUT_SETTINGS or name == OF_ANY_SEARCH)
    if section is not None:
        (kind,) = sections_in(section.annotation)
        assert stage.settings_type is (kind.supernet_type if RULES[name].is_supernet else kind)


def test_every_field_of_the_configuration_is_explained():
    waiting, unexplained = [Config], []
    while waiting:
        section = waiting.pop()
        for name, field in section.model_fields.items():
            if hasattr(field.annotation, "model_fields"):
                waiting.append(field.annotation)
            elif not field.description:
                unexplained.append(f"{section.__name__}.{name}")
    assert not unexplained


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_the_package_knows_neither_snakemake_nor_from_below_its_stages():
    wrong = []
    for path in sorted((ROOT / "dfnas").rglob("*.py")):
        own = "commands" if path.name == "__main__.py" else path.relative_to(ROOT / "dfnas").parts[0]
        above = [room for room, those_above in ROOMS_ABOVE.items() if own not in (room, *those_above)]
        unknown = ("snakemake", *(f"dfnas.{room}" for room in above))
        wrong += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(imports(path)) if name.startswith(unknown)]
    assert not wrong


def compared(tmp_path: Path, **comparison) -> set[str]:
    """The evaluations that the data of a comparison are compared by, if they are."""
    configuration = (overlay(tmp_path / "compared.yaml", {"comparison": comparison}),)
    files = recipes(tmp_path / "run", configuration=configuration)
    made = files.get("results/significance.csv")
    assert files.get("results/significance.md") == made
    return {name.removeprefix("results/evaluate/") for name in made.inputs} if made else set()


def test_data_are_compared_where_an_algorithm_searches_on_original_and_on_others(tmp_path):
    expected = {
        f"spos/{data}/original/seed-{seed}/{name}"
        for data in ("original", "synthetic")
        for seed in (0, 1)
        for name in ("metrics.json", "predictions.csv")
    }
    assert compared(tmp_path, algorithms=["spos", "random"]) == expected
    assert not compared(tmp_path, algorithms=["spos"], search_data=["synthetic"])
    assert not compared(tmp_path, algorithms=["spos"], search_data=["original"])
    assert not compared(tmp_path, algorithms=["random"])


def test_every_option_of_a_command_exists(tmp_path):
    """Whatever the rules put on a command line, the stage's parser takes."""
    compared = {"judge_images": True, "algorithms": list(NAMES), "retrain_data": ["original"]}
    compared["budgets"] = [{}, {"max_latency_ms": 1.0}]
    asked = {"comparison": compared, "search_darts": {"budget": {"max_latency_ms": 1.0}}}
    table = made_up_table(tmp_path / "run" / "table.csv")
    planned = {"base": LOOKUP_BASE, "configuration": (overlay(tmp_path / "asked.yaml", asked),)}
    data = {name: "none" if name == "random" else "synthetic" for name in NAMES}
    within = [f"results/search/{name}/{data[name]}/seed-0/budgets.csv" for name in NAMES]
    files = recipes(table.parent, **planned) | recipes(table.parent, *within, **planned)
    commands = {}
    for made in files.values():
        algorithm = f" {made.command.split()[3]}" if made.rule == OF_ANY_SEARCH else ""
        commands[made.rule + algorithm] = made.command
    assert {name.split()[0] for name in commands} == CHAIN | LOOKUP | SCORES
    assert sum(name.startswith(OF_ANY_SEARCH) for name in commands) == len(NAMES)
    for name, command in commands.items():
        known = set(stage_of(name)[0].parser._option_string_actions)
        assert set(re.findall(r"(?<= )--[a-z][a-z0-9-]*", command)) <= known
