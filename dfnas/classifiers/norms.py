"""The layers of a network that normalise by stored statistics: BatchNorms, and frozen ones of whatever library.

A frozen BatchNorm (`FrozenBatchNorm2d` of torchvision and detectron2, `FrozenBatchNormAct2d` of timm, others' own) is a
module of its own kind, which is known by what it stores: buffers `running_mean` and `running_var`, (C,) each.

Shapes: B batch, C channels.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm


def stored_norms(network: nn.Module) -> list[nn.Module]:
    """The layers, over images and over features, that normalise by stored statistics, in the order of the modules.

    (An InstanceNorm stores variances within images, which are not those of a batch. A ScriptModule takes no hooks.)
    """
    others = (_InstanceNorm, torch.jit.ScriptModule)
    modules = (module for module in network.modules() if not isinstance(module, others))
    return [module for module in modules if _stores(module)]


def is_over_images(norm: nn.Module) -> bool:
    """Whether a layer may stand behind a convolution, by its kind; of some kinds only a pass tells."""
    return isinstance(norm, nn.BatchNorm2d | nn.SyncBatchNorm) or not isinstance(norm, _BatchNorm)


def statistics_of(norm: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean and the variance that a layer stores, (C,) each."""
    mean, variance = norm.running_mean, norm.running_var
    assert isinstance(mean, torch.Tensor)
    assert isinstance(variance, torch.Tensor)
    return mean, variance


def never_trained(norms: Iterable[nn.Module]) -> bool:
    """Whether there are layers, and all store what they are made with: mean 0, variance 1."""
    stored = [statistics_of(norm) for norm in norms]
    return bool(stored) and all(not mean.any() and bool((variance == 1).all()) for mean, variance in stored)


def sees_images(norm: nn.Module, x: torch.Tensor) -> bool:
    """Whether an input of a layer is one of images, (B, C, height, width), with the layer's channels."""
    return x.ndim == 4 and x.shape[1] == len(statistics_of(norm)[0])


def normalise_by_batch(norm: nn.Module) -> None:
    """Has a layer normalise by the statistics of each batch from now on, in evaluation mode as well."""
    if isinstance(norm, _BatchNorm) and type(norm).forward in (_BatchNorm.forward, nn.SyncBatchNorm.forward):
        norm.running_mean = norm.running_var = None  # as torch itself means it
    else:
        norm.register_forward_pre_hook(_take_statistics)


def _take_statistics(norm: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
    x = inputs[0]
    others = [axis for axis in range(x.ndim) if axis != 1]
    variance, mean = torch.var_mean(x.float(), others, correction=0)
    stored_mean, stored_variance = statistics_of(norm)
    norm.running_mean, norm.running_var = mean.to(stored_mean), variance.to(stored_variance)


def _stores(module: nn.Module) -> bool:
    buffers = dict(module.named_buffers(recurse=False))
    return all(name in buffers and buffers[name].ndim == 1 for name in ("running_mean", "running_var"))
