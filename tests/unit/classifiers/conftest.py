"""What the tests of teachers share: a folder in place of torch's cache, and small networks of a user's."""

from pathlib import Path

import pytest

USER_CODE = '''
import torch
from torch import nn

def leaky(channels=1, classes=3):
    """Depthwise convolutions, LeakyReLU, and a classifier of any input size."""
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.LeakyReLU(0.1),
        nn.Conv2d(4, 4, 3, 1, 1, groups=4, bias=False), nn.BatchNorm2d(4), nn.LeakyReLU(0.1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes),
    )

def trained(**arguments):
    network = leaky(**arguments)
    with torch.no_grad():
        network[8].bias.fill_(7.0)
    return network

def broken():
    raise RuntimeError("no such\\nluck")
'''


@pytest.fixture
def user_code(tmp_path) -> Path:
    """A folder with `own.py` and the same as a `hubconf.py`."""
    for name in ("own.py", "hubconf.py"):
        (tmp_path / name).write_text(USER_CODE)
    return tmp_path


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The folder into which torch's hub downloads weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder
