"""The safetensors file of a network: all that it takes to use it, the same bytes again, and every damage noticed."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save

from dfnas.dataset.augment import plain_view
from dfnas.dataset.images import ImageSet
from dfnas.deploy import load
from dfnas.deploy.network import read
from dfnas.runtime.errors import InputError
from dfnas.spaces.names import NAMES


@pytest.fixture
def file(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(trained("darts")[1])
    return path


@pytest.mark.parametrize("space", NAMES)
@torch.no_grad()
def test_a_loaded_network_sees_pixels_as_training_did(space, trained, tmp_path):
    network, content = trained(space)
    (tmp_path / "model.safetensors").write_bytes(content)
    loaded = load(tmp_path / "model.safetensors")
    pixels = torch.randint(256, (5, 2, 8, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    data = ImageSet(pixels, torch.zeros(5, 3), torch.zeros(5), (8, 12), (0.3, 0.6), (0.25, 0.5))
    torch.testing.assert_close(loaded(pixels / 255), network(plain_view(data, pixels)))


def test_it_is_ready_for_use(file):
    network = load(file)
    assert network.class_names == ("a", "b", "ç")
    assert not any(module.training for module in network.modules())
    assert not network(torch.rand(1, 2, 8, 12)).requires_grad


def test_what_only_training_uses_is_left_out(file):
    assert not any(name.startswith("auxiliary_head") for name in load_tensors(file.read_bytes()))


def test_bytes_are_refused_as_pixels(file):
    with pytest.raises(ValueError, match=r"torch.uint8; expected floats in \[0, 1\]"):
        load(file)(torch.zeros(1, 2, 8, 12, dtype=torch.uint8))


@pytest.mark.slow
def test_the_same_network_gives_the_same_bytes_in_every_process(tmp_path, file):
    """safetensors orders several keys of metadata by a hash that differs from process to process."""
    again = (
        "import sys; from dfnas.deploy import load; from dfnas.deploy.network import read, to_bytes;"
        "content = open(sys.argv[1], 'rb').read(); _, said = read(content, '');"
        "parts = [said[name] for name in ('architecture', 'normalisation', 'class_names', 'provenance')];"
        "assert to_bytes(load(sys.argv[1]).network, *parts) == content"
    )
    subprocess.run([sys.executable, "-c", again, file], check=True, timeout=120)


def test_every_flipped_bit_is_noticed(file, flipped):
    for _ in flipped(file, 200):
        with pytest.raises(InputError, match=str(file)):
            load(file)
    load(file)


@pytest.mark.parametrize("size", [0, 7, 100, -1])
def test_a_truncated_file(file, size):
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(InputError, match="is damaged or not a safetensors file"):
        load(file)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="no file"):
        load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"dfnas": "{"}, {"dfnas": "1"}])
def test_weights_of_another_origin(file, metadata):
    file.write_bytes(save({"weight": torch.zeros(2)}, metadata))
    with pytest.raises(InputError, match="is not a network of dfnas"):
        load(file)


@pytest.mark.parametrize(
    ("change", "story"),
    [
        (lambda said: said.update(format=2), "has format 2, expected 1"),
        (lambda said: said.pop("class_names"), "lacks 'class_names'"),
        (lambda said: said["class_names"].reverse(), "is damaged: what it holds is not what was written"),
    ],
)
def test_a_description_that_is_none(file, change, story):
    state, description = read(file.read_bytes(), str(file))
    change(description)
    file.write_bytes(save(state, {"dfnas": json.dumps(description)}))
    with pytest.raises(InputError, match=story):
        load(file)
