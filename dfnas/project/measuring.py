"""A draft measured by the doctor: planned as the workflow plans it, and a few steps of each long stage timed."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from dfnas.doctor.machine import this_machine
from dfnas.doctor.originals import data_sizes
from dfnas.doctor.trials import try_jobs
from dfnas.doctor.workflow import planned_jobs, read_configuration
from dfnas.project.budget import Measured


def measured(root: Path, text: str, tell: Callable[[str], None]) -> Measured:
    """Times the way to what is deployed.

    Args:
        root: of the checkout.
        text: of a configuration.
        tell: see `try_jobs`.

    Raises:
        InputError: the workflow does not accept it.
    """
    machine = this_machine()  # before the trials keep it busy
    with TemporaryDirectory(prefix="dfnas-init-") as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(text, encoding="utf-8")
        config = read_configuration(root, [path])
        jobs = planned_jobs(root, [path], True, ["deploy"])
        tried = try_jobs(config, jobs, data_sizes(config, None), machine, tell)
    gpus = len(machine.gpus) if machine.uses_gpu(config.device) else 0
    return Measured(config, jobs, tried, machine, gpus)
