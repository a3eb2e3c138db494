"""Which weights of a checkpoint are taken, under which names, and what the log says of the others."""

import re

import pytest
import torch
from importing import imported
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision.models import densenet121

from dfnas.classifiers import fitting
from dfnas.classifiers.fitting import under_own_names
from dfnas.classifiers.state_dicts import choose
from dfnas.classifiers.weights import find_state_dict
from dfnas.runtime.errors import InputError
from dfnas.settings.teacher import TeacherSettings

WHERE = "w.pth"
NAMES = ("conv.weight", "bn.weight", "bn.running_mean", "fc.weight", "fc.bias")
SMALL = {"classes": 3, "channels": 1, "size": 8, "mean": [0.5], "std": [0.25]}


@pytest.fixture(autouse=True)
def _everything_is_said_anew():
    fitting.tell.cache_clear()


def weights(value: float, prefix: str = "") -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": torch.full((2,), value) for name in NAMES}


def optimiser() -> dict:
    return {"state": {n: {"exp_avg": torch.zeros(2), "step": torch.tensor(3.0)} for n in range(9)}, "param_groups": []}


PLAIN, AVERAGE = weights(1), weights(2)
LARGE = AVERAGE | {f"blocks.{n}.weight": torch.full((2,), 2.0) for n in range(100)}
# A checkpoint, where the weights that are taken lie, and where others do.
CHECKPOINTS = {
    "timm": ({"epoch": 3, "state_dict": PLAIN, "state_dict_ema": AVERAGE}, "state_dict", ["state_dict_ema"]),
    "ConvNeXt": ({"model": PLAIN, "optimizer": optimiser(), "model_ema": AVERAGE}, "model", ["model_ema"]),
    "FixMatch": ({"ema_state_dict": AVERAGE, "state_dict": PLAIN}, "state_dict", ["ema_state_dict"]),
    "named in full": ({"model_state_dict": PLAIN, "model_ema_state_dict": AVERAGE}, "model_state_dict", None),
    "an average with its settings": ({"net": PLAIN, "ema": {"decay": 0.9, "shadow": AVERAGE}}, "net", ["ema.shadow"]),
    "SWA": ({"model": PLAIN, "swa_model": {"n_averaged": torch.tensor(3), **AVERAGE}}, "model", ["swa_model"]),
    "a teacher that averages": ({"student": PLAIN, "teacher": AVERAGE}, "student", ["teacher"]),
    "an average alone": ({"model": None, "ema": AVERAGE, "epoch": 3}, "ema", []),
    "a name of its own": ({"resnet": PLAIN, "optimizer": optimiser(), "loss": {"w": torch.ones(2)}}, "resnet", []),
    "a list": ((PLAIN, optimiser()), "0", []),
    "a figure beside it": ({"state_dict": PLAIN, "best": torch.tensor(0.9), "priors": torch.ones(3)}, "state_dict", []),
    "deep": ({"state": {"network": {"state_dict": PLAIN}}}, "state.network.state_dict", []),
    "as deep as is looked": ({"a": {"b": {"c": {"d": {"model": PLAIN}}}}}, "a.b.c.d.model", []),
    "Lightning": ({"state_dict": PLAIN, "callbacks": {"EMA": {"average": AVERAGE}}}, "state_dict", []),
    "a larger network beside it": ({"model": PLAIN, "teacher": LARGE}, "model", ["teacher"]),
    "what it was distilled from": ({"state_dict": PLAIN, "clip_text": LARGE}, "state_dict", ["clip_text"]),
    "bare, an average below": ({**PLAIN, "ema": AVERAGE}, "", ["ema"]),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_training_moved_weights_are_taken_and_averages_named(case, capsys):
    checkpoint, place, others = CHECKPOINTS[case]
    expected = AVERAGE if case == "an average alone" else PLAIN
    found = find_state_dict(checkpoint, WHERE)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert choose(checkpoint, WHERE).taken.place == place
    log = capsys.readouterr().err
    if others == []:
        assert not log
    else:
        (line,) = log.splitlines()
        assert "takes the weights" in line
        assert all(f"set teacher.weights_key to {other}" in line for other in others or ["model_ema_state_dict"])


@pytest.mark.parametrize("case", [case for case in CHECKPOINTS if CHECKPOINTS[case][2]])
def test_the_key_of_the_line_takes_the_others(case, capsys):
    checkpoint, _, (key, *_) = CHECKPOINTS[case]
    found = find_state_dict(checkpoint, WHERE, key)
    assert all(torch.equal(found[name], value) for name, value in AVERAGE.items())
    assert not capsys.readouterr().err


def refused(call, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_key_that_leads_nowhere_names_those_that_do():
    story = refused(find_state_dict, {"state_dict": PLAIN, "state_dict_ema": AVERAGE}, WHERE, "model_ema", "verifier")
    assert "no weights under verifier.weights_key = 'model_ema'; it has some under 'state_dict', 'state_d" in story


@pytest.mark.parametrize("key", ["state_dict.fc.bias", "epoch", "", "state_dict."])
def test_a_key_of_what_is_no_set_is_refused(key):
    refused(find_state_dict, {"state_dict": PLAIN, "epoch": 3}, WHERE, key)


def test_equal_claims_are_not_settled_by_chance():
    story = refused(find_state_dict, {"generator": PLAIN, "encoder": AVERAGE, "epoch": 3}, WHERE)
    assert "several sets of weights: generator, encoder; set teacher.weights_key" in story
    assert torch.equal(
        find_state_dict({"generator": PLAIN, "encoder": AVERAGE}, WHERE, "encoder")["fc.bias"], 2 * torch.ones(2)
    )


def test_a_key_may_lead_to_more_than_one(capsys):
    inside = {"ema_run": {"model": PLAIN, "ema": AVERAGE}, "model": AVERAGE}
    assert torch.equal(find_state_dict(inside, WHERE, "ema_run")["fc.bias"], PLAIN["fc.bias"])
    assert not capsys.readouterr().err
    story = refused(find_state_dict, {"runs": {"a": PLAIN, "b": AVERAGE}, "model": PLAIN}, WHERE, "runs")
    assert "several sets of weights: runs.a, runs.b; set teacher.weights_key" in story


@pytest.mark.parametrize("values", [{"weights": None}, {"weights": "published"}, {"builder": "torchscript"}])
def test_a_key_needs_a_checkpoint_with_keys(values):
    story = refused(TeacherSettings.parse, {"weights": "w.pt", "weights_key": "ema", **values}, "teacher")
    assert "weights_key names weights in a checkpoint" in story


def fitted(state: dict) -> dict:
    return under_own_names(state, [*NAMES, "bn.num_batches_tracked"], WHERE, "the network")


def prefixed(state: dict, *prefixes: str) -> dict:
    return {f"{prefix}{name}": value for prefix in prefixes for name, value in state.items()}


# Names that differ from the network's, and what the log says.
RENAMED = {
    "backbone": (prefixed(PLAIN, "backbone."), ""),
    "encoder, deep": (prefixed(PLAIN, "module.model.encoder."), ""),
    "twice parallel": (prefixed(PLAIN, "module.module."), ""),
    "compiled by Lightning": (prefixed(PLAIN, "model._orig_mod."), ""),
    "a part in parallel": ({name.replace("conv.", "conv.module."): value for name, value in PLAIN.items()}, ""),
    "a part compiled": ({name.replace("bn.", "bn._orig_mod."): value for name, value in PLAIN.items()}, ""),
    "sharded": ({f"_fsdp_wrapped_module.{name}": value for name, value in PLAIN.items()}, ""),
    "averaged by torch": (prefixed(PLAIN, "module.") | {"n_averaged": torch.tensor(3)}, ""),
    "profiled": (PLAIN | {"total_ops": torch.zeros(1), "conv.total_params": torch.zeros(1)}, ""),
    "with a loss": (
        prefixed(PLAIN, "model.") | {"criterion.weight": torch.ones(3)},
        "w.pth: leaves out 1 that the network has not, such as criterion.weight",
    ),
    "with an average beside it": (
        prefixed(PLAIN, "model.") | prefixed(AVERAGE, "ema_model.module."),
        "w.pth: takes the weights named model.…; for others set teacher.weights_key to ema_model.module",
    ),
    "with an average below it": (
        PLAIN | prefixed(AVERAGE, "model_ema."),
        "w.pth: takes the weights at its top level; for others set teacher.weights_key to model_ema",
    ),
    "the same twice": (prefixed(PLAIN, "module.model.", "module.attacker.model."), ""),
    "student and teacher": (
        prefixed(AVERAGE, "teacher.") | prefixed(PLAIN, "student."),
        "student.…; for others set teacher.wei",
    ),
}


@pytest.mark.parametrize("case", RENAMED)
def test_what_was_put_before_names_is_taken_off_where_all_weights_are_there(case, capsys):
    state, said = RENAMED[case]
    found = fitted(state)
    assert found.keys() == PLAIN.keys()
    assert all(torch.equal(found[name], value) for name, value in PLAIN.items())
    log = capsys.readouterr().err
    assert said in log if said else not log


def test_the_key_of_names_takes_those(capsys):
    state = prefixed(PLAIN, "model.") | prefixed(AVERAGE, "ema_model.module.")
    for checkpoint in (state, {"state_dict": state}):
        found = fitted(find_state_dict(checkpoint, WHERE, "ema_model.module"))
        assert torch.equal(found["fc.bias"], AVERAGE["fc.bias"])
    assert not capsys.readouterr().err


def without(state: dict, *names: str) -> dict:
    return {name: value for name, value in state.items() if name not in names}


def test_weights_that_are_missing_are_named():
    story = refused(
        fitted, prefixed(without(PLAIN, "fc.weight", "fc.bias"), "backbone.") | {"head.weight": torch.ones(2)}
    )
    assert "w.pth does not fit the network: it has no 'fc.bias' (2 missing), below 'backbone.'" in story
    assert "take the teacher.builder and arguments that it was trained with" in story


def test_weights_that_the_network_has_not_are_named_with_the_remedy():
    story = refused(fitted, PLAIN | {"aux1.conv.weight": torch.ones(2), "aux1.fc.bias": torch.ones(2)})
    assert "it has an unknown 'aux1.conv.weight' (2 unknown)" in story
    assert 'if not k.startswith(("aux1.",))}, "weights.pt")' in story
    story = refused(fitted, prefixed(PLAIN | {"aux1.fc.bias": torch.ones(2)}, "module."))
    assert 'if not k.startswith(("module.aux1.",))}, "weights.pt")' in story  # as the file names them
    story = refused(fitted, prefixed(PLAIN | {"bn.se.weight": torch.ones(2)}, "model."))
    assert "unknown 'bn.se.weight'" in story
    assert "leave them out" not in story  # which would be another network


def test_parameters_without_statistics_are_not_enough():
    story = refused(fitted, without(PLAIN, "bn.running_mean"))
    assert (
        "no 'bn.running_mean' (1 missing); BatchNorm's statistics are no parameters: save network.state_dict" in story
    )


def test_other_names_throughout():
    story = refused(fitted, {f"layer{number}.kernel": torch.ones(2) for number in range(4)})
    assert "no 'bn.running_mean' (5 missing) and an unknown 'layer0.kernel' (4 unknown)" in story


def test_two_networks_of_one_kind_are_not_settled_by_chance():
    story = refused(fitted, prefixed(PLAIN, "encoder_q.") | prefixed(AVERAGE, "encoder_k."))
    assert "the network's weights several times: encoder_q, encoder_k; set teacher.weights_key" in story


def test_averages_of_torch_become_teachers(tmp_path, user_code):
    section = {"builder": f"{user_code}/own.py:leaky", **SMALL}
    network = imported(weights="published", **section).network
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    torch.save({"model": averaged.state_dict(), "args": nn.Identity}, tmp_path / "w.pth")
    loaded = imported(weights=str(tmp_path / "w.pth"), weights_key="model", **section).network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())


def test_published_densenets_have_names_of_another_time():
    names = list(densenet121().state_dict())
    published = [re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name) for name in names]
    assert published != names
    assert list(under_own_names(dict.fromkeys(published, torch.ones(1)), names, WHERE, "densenet121")) == names
