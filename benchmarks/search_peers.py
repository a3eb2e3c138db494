"""The published codes' own search steps, run from checkouts that the user brings.

A checkout is copied and changed only where it no longer runs: its words for a GPU, syntax and calls that today's Python
and torch have dropped, and modules that it imports but does not need for a step. Each function returns what does one
step of the peer, on inputs of random numbers.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch

Step = Callable[[], object]

ACCURACY = {"correct[:k].view(-1)": "correct[:k].reshape(-1)"}


@contextlib.contextmanager
def ported(folder: Path, replacements: Mapping[str, Mapping[str, str]], absent: tuple[str, ...] = ()) -> Iterator[None]:
    """A copy of a folder of modules as the place to import from and to work in.

    Args:
        replacements: for each file, texts and what takes their place; each must occur.
        absent: modules that it imports and that are replaced by empty ones.
    """
    here, arguments = Path.cwd(), sys.argv
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "peer"
        shutil.copytree(folder, copy)
        for name, changes in replacements.items():
            text = (copy / name).read_text()
            for old, new in changes.items():
                assert old in text, f"{name} has no {old!r}: is this the expected checkout?"
                text = text.replace(old, new)
            (copy / name).write_text(text)
        for name in absent:
            sys.modules[name] = types.ModuleType(name)
        sys.path.insert(0, str(copy))
        sys.argv = ["peer"]
        os.chdir(copy)
        try:
            yield
        finally:
            os.chdir(here)
            sys.argv = arguments


def darts_step(checkout: Path, order: int, batch: int) -> Step:
    """One pass of `train` of quark0/darts over one batch of each half: an architecture step and a weight step."""
    changes = {
        "train_search.py": {
            ".cuda(async=True)": "",
            ".cuda()": "",
            "clip_grad_norm(": "clip_grad_norm_(",
            "loss.data[0]": "loss.item()",
            "prec1.data[0]": "prec1.item()",
            "prec5.data[0]": "prec5.item()",
        },
        "model_search.py": {".cuda()": ""},
        "architect.py": {
            ".cuda()": "",
            "theta.sub(eta, moment+dtheta)": "theta.sub(moment+dtheta, alpha=eta)",
            "g.data.sub_(eta, ig.data)": "g.data.sub_(ig.data, alpha=eta)",
            "p.data.add_(R, v)": "p.data.add_(v, alpha=R)",
            "p.data.sub_(2*R, v)": "p.data.sub_(v, alpha=2*R)",
        },
        "utils.py": ACCURACY,
    }
    with ported(checkout / "cnn", changes):
        import train_search as peer  # ty: ignore

        options = peer.args
    options.unrolled = order == 2
    criterion = torch.nn.CrossEntropyLoss()
    network = peer.Network(options.init_channels, peer.CIFAR_CLASSES, options.layers, criterion)
    optimizer = torch.optim.SGD(
        network.parameters(), options.learning_rate, momentum=options.momentum, weight_decay=options.weight_decay
    )
    architect = peer.Architect(network, options)
    halves = [
        [(torch.randn(batch, 3, 32, 32), torch.randint(peer.CIFAR_CLASSES, (batch,)))] for _ in ("weights", "alphas")
    ]
    return lambda: peer.train(*halves, network, architect, criterion, optimizer, options.learning_rate)


def spos_step(checkout: Path, macs: Callable[[tuple[int, ...]], int], batch: int, side: int) -> Step:
    """One iteration of `train` of megvii-model/SinglePathOneShot: a path from a bin of MACs, and a step along it.

    Args:
        macs: of a path.
    """
    with ported(checkout / "src" / "Supernet", {"utils.py": ACCURACY}, ("cv2", "flops")):
        sys.modules["flops"].get_cand_flops = macs  # theirs reads a table that is not in the repository
        import train as peer  # ty: ignore

        options = peer.get_args()
        with contextlib.redirect_stdout(None):
            network = peer.ShuffleNetV2_OneShot()
    optimizer = torch.optim.SGD(
        peer.get_parameters(network),
        options.learning_rate,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
    )
    options.optimizer, options.loss_function = optimizer, peer.CrossEntropyLabelSmooth(1000, options.label_smooth)
    options.scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / options.total_iters)
    images, labels = torch.randn(batch, 3, side, side), torch.randint(1000, (batch,))
    options.train_dataprovider = types.SimpleNamespace(next=lambda: (images, labels))
    return lambda: peer.train(network, torch.device("cpu"), options, val_interval=1, all_iters=0)


def spos_candidate(checkout: Path, path: tuple[int, ...], batches: tuple[int, int], batch: int, side: int) -> Step:
    """`get_cand_err` of megvii-model/SinglePathOneShot: recalibration on some batches and a test on some."""
    changes = {"tester.py": ACCURACY | {"assert torch.cuda.is_available()\n": ""}}
    with ported(checkout / "src" / "Search", changes, ("imagenet_dataset",)):
        provider = sys.modules["imagenet_dataset"]
        provider.get_train_dataprovider = provider.get_val_dataprovider = None
        import tester as peer  # ty: ignore

        with contextlib.redirect_stdout(None):
            from network import ShuffleNetV2_OneShot  # ty: ignore

            network = ShuffleNetV2_OneShot()
    images, labels = torch.randn(batch, 3, side, side), torch.randint(1000, (batch,))
    peer.train_dataprovider = peer.val_dataprovider = types.SimpleNamespace(next=lambda: (images, labels))
    options = types.SimpleNamespace(max_train_iters=batches[0], max_test_iters=batches[1])
    return lambda: peer.get_cand_err(network, path, options)


class Proxyless:
    """The supernet of mit-han-lab/proxylessnas (search/) with its optimisers and one batch."""

    def __init__(self, checkout: Path, batch: int, side: int):
        with ported(checkout / "search", {}):
            import models  # ty: ignore  # noqa: F401 - first: run_manager and it import each other
            import nas_manager  # ty: ignore
            from models.super_nets.super_proxyless import SuperProxylessNASNets  # ty: ignore
        self.manager = nas_manager
        candidates = [f"{k}x{k}_MBConv{e}" for k in (3, 5, 7) for e in (3, 6)]
        self.network = SuperProxylessNASNets(
            [24, 40, 80, 96, 192, 320], [4, 4, 4, 4, 4, 1], candidates, [2, 2, 2, 1, 2, 1], dropout_rate=0
        )
        self.network.init_arch_params("normal", 1e-3)
        self.network.init_model("he_fout")
        self.optimizer = torch.optim.SGD(
            self.network.weight_parameters(), 0.025, momentum=0.9, nesterov=True, weight_decay=4e-5
        )
        self.network.train()
        self.images, self.labels = torch.randn(batch, 3, side, side), torch.randint(1000, (batch,))

    def weight_step(self) -> None:
        """The lines of `ArchSearchRunManager.train` between its clock's ticks."""
        self.network.entropy().data.item()
        self.network.reset_binary_gates()
        self.network.unused_modules_off()
        output = self.network(self.images)
        loss = self.manager.cross_entropy_with_label_smoothing(output, self.labels, 0.1)
        self.manager.accuracy(output, self.labels, topk=(1,))
        self.network.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.network.unused_modules_back()

    def architecture_step(self) -> Step:
        """`gradient_step` of `ArchSearchRunManager`, without a cost term."""
        config = self.manager.GradientArchSearchConfig(
            arch_opt_param={"betas": (0.0, 0.999), "eps": 1e-8}, grad_binary_mode="two", grad_update_arch_param_every=5
        )
        data = types.SimpleNamespace(
            valid_loader=types.SimpleNamespace(batch_sampler=types.SimpleNamespace()),
            train_batch_size=len(self.images),
            valid_next_batch=(self.images, self.labels),
        )
        stand_in = types.SimpleNamespace(
            arch_search_config=config,
            arch_optimizer=config.build_optimizer(list(self.network.architecture_parameters())),
            net=self.network,
            write_log=lambda *_, **__: None,
            run_manager=types.SimpleNamespace(
                run_config=data, net=self.network, device="cpu", criterion=torch.nn.CrossEntropyLoss()
            ),
        )
        return lambda: self.manager.ArchSearchRunManager.gradient_step(stand_in)
