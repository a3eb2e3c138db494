"""A real SLURM on this machine for as long as the tests run: a controller and two nodes with fake GPUs.

It has its own ports, keys and folder, and only who has its commands on the PATH talks to it: every other Snakemake on
the machine sees no cluster. (The configuration is not in the environment alone, since Snakemake's plugin strips every
SLURM_* variable before it calls srun.) Needs root: a slurmd that is not root cannot start jobs.
"""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct", "sacctmgr", "sshare")
DAEMONS = ("munged", "slurmctld", "slurmd")
NODES = ("n1", "n2")
PATIENCE_S = 60.0
LIBC, PR_SET_PDEATHSIG = ctypes.CDLL(None), 1
FREEZER = Path("/sys/fs/cgroup/freezer/cgroup.procs")

CONFIGURATION = """
ClusterName=dfnas
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job may start again only when the credential of its first start is over: two minutes by default.
AuthInfo=socket={folder}/munge/socket,cred_expire=5
MpiDefault=none
ProctrackType={tracking}
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
# Kills a job over its memory where there are no cgroups to do it.
JobAcctGatherParams=OverMemoryKill
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=2,batch_sched_delay=0,sched_interval=2,requeue_setup_env_fail
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=30
InactiveLimit=0
KillWait=2
# How long a job is remembered: longer than the tests take.
MinJobAge=7200
JobRequeue=1
GresTypes=gpu
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
{nodes}
PartitionName=cpu Nodes=ALL Default=YES MaxTime=1440 DefaultTime=10 State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=gpu Nodes=ALL MaxTime=1440 DefaultTime=10 State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=urgent Nodes=ALL MaxTime=1440 DefaultTime=10 State=UP PriorityTier=100 PreemptMode=OFF
"""
# What each takes, for the plugin to choose by.
PARTITIONS = (
    "partitions:\n  cpu: {max_runtime: 1d, max_threads: 4}\n  gpu: {max_runtime: 1h, max_threads: 4, max_gpu: 2}\n"
)
CGROUPS = "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nCgroupAutomount=no\n"


def missing() -> str | None:
    """What keeps a cluster from being started here, if anything does."""
    if os.geteuid() != 0:
        return "a SLURM of our own needs root"
    absent = [name for name in (*DAEMONS, *COMMANDS[:6]) if shutil.which(name) is None]
    return f"no {', '.join(absent)} here" if absent else None


class Job(NamedTuple):
    """What SLURM knows of a job."""

    number: int
    run: str
    """The call of Snakemake that it belongs to."""
    work: str
    """The rule and the wildcards, or the group, as the plugin says them."""
    state: str
    restarts: int
    """How often SLURM has put it back into the queue."""
    memory: str
    time: str
    gpus: int
    partition: str
    node: str

    @classmethod
    def parse(cls, line: str) -> Self:
        """A line of `scontrol show job -o`."""
        said = dict(part.split("=", 1) for part in line.split() if "=" in part)
        gpus = re.search(r"gpu:(\d+)", said.get("TresPerJob", ""))
        return cls(
            number=int(said["JobId"]),
            run=said["JobName"],
            work=said.get("Comment", "").removeprefix("rule_"),
            state=said["JobState"],
            restarts=int(said["Restarts"]),
            memory=said.get("MinMemoryNode", ""),
            time=said["TimeLimit"],
            gpus=int(gpus[1]) if gpus else 0,
            partition=said["Partition"],
            node=said["NodeList"],
        )


class Cluster:
    """The cluster, its state in a folder of its own.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.nodes: dict[str, subprocess.Popen] = {}
        self.controller: subprocess.Popen | None = None
        self._munged: subprocess.Popen | None = None
        for name in ("bin", "dev", "state", "munge", *(f"spool/{node}" for node in NODES)):
            (folder / name).mkdir(parents=True)
        self._write_configuration()
        self._write_commands()

    def _write_configuration(self) -> None:
        ports = _free_ports(1 + len(NODES))
        host = socket.gethostname().split(".")[0]
        nodes, devices = [], ["AutoDetect=off"]
        for node, port in zip(NODES, ports[1:], strict=True):
            nodes.append(f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=8000")
            nodes[-1] += " Gres=gpu:2 State=UNKNOWN"
            devices.append(f"NodeName={node} Name=gpu File={self.folder}/dev/{node}-gpu[0-1]")
            for number in range(2):  # fake GPUs: two more names of /dev/null
                os.mknod(self.folder / "dev" / f"{node}-gpu{number}", 0o020666, os.makedev(1, 3))
        text = CONFIGURATION.format(
            host=host,
            controller_port=ports[0],
            folder=self.folder,
            # The freezer kills whole jobs, as real clusters do.
            tracking="proctrack/cgroup" if os.access(FREEZER, os.W_OK) else "proctrack/linuxproc",
            nodes="\n".join(nodes),
        )
        for name, content in (("slurm", text), ("gres", "\n".join(devices) + "\n"), ("cgroup", CGROUPS)):
            (self.folder / f"{name}.conf").write_text(content)
        self.partitions.write_text(PARTITIONS)

    def _write_commands(self) -> None:
        for name in COMMANDS:
            if (real := shutil.which(name)) is not None:
                command = self.folder / "bin" / name
                command.write_text(f'#!/bin/sh\nSLURM_CONF="{self.folder}/slurm.conf" exec {real} "$@"\n')
                command.chmod(0o755)

    @property
    def commands(self) -> Path:
        """The folder of the commands that talk to this cluster, to be put before all others on the PATH."""
        return self.folder / "bin"

    @property
    def partitions(self) -> Path:
        """The file that says what each partition takes."""
        return self.folder / "partitions.yaml"

    def ask(self, *command: str) -> str:
        """What a command of SLURM says."""
        line = [str(self.commands / command[0]), *command[1:]]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Starts all daemons and waits until the nodes can take jobs."""
        key, place = self.folder / "munge" / "key", self.folder / "munge"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={place / name}" for option, name in files.items()]
        self._munged = _daemon("munged", "--foreground", "--force", f"--key-file={key}", *options)
        until(lambda: (place / "socket").exists(), "munged has its socket", self.log)
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        until(lambda: set(self.ask("sinfo", "-hN", "-o", "%T").split()) == {"idle"}, "all nodes are idle", self.log)

    def start_controller(self) -> None:
        """Starts slurmctld with the state that it left, if any."""
        self.controller = _daemon("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))

    def stop_controller(self) -> None:
        """Ends slurmctld, as for maintenance. Jobs go on."""
        _end(self.controller, signal.SIGTERM)

    def start_node(self, node: str) -> None:
        """Starts a node's slurmd."""
        self.nodes[node] = _daemon("slurmd", "-D", "-N", node, "-f", str(self.folder / "slurm.conf"))

    def cut_power(self, node: str) -> None:
        """Kills a node: its slurmd, and every process of its jobs at once."""
        _end(self.nodes.pop(node), signal.SIGKILL)
        steps = tuple(f"slurmstepd: [{job}." for job in self.ask("squeue", "-h", "-w", node, "-o", "%A").split())
        there = f"SLURMD_NODENAME={node}".encode()
        self._kill_all(lambda command, environment: command.startswith(steps) or there in environment)

    def stop(self) -> None:
        """Ends all daemons and every process of a job."""
        for daemon in (self.controller, *self.nodes.values(), self._munged):
            if daemon is not None:
                _end(daemon, signal.SIGKILL)
        self._kill_all(lambda command, environment: True)

    def _kill_all(self, are_meant: Callable[[str, list[bytes]], bool]) -> None:
        """Kills processes of this cluster by their command line and environment, until there are no more."""
        while victims := [pid for pid, *known in self._own_processes() if are_meant(*known)]:
            for pid in victims:
                _kill(pid)
            time.sleep(0.05)

    def _own_processes(self) -> Iterator[tuple[int, str, list[bytes]]]:
        """Id, command line and environment of every process that is there because of this cluster."""
        ours = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        return (process for process in _processes() if ours in process[2])

    def jobs(self) -> list[Job]:
        """All jobs that there were, in the order of their submission."""
        lines = self.ask("scontrol", "show", "job", "-o").splitlines()
        return sorted((Job.parse(line) for line in lines if "JobId=" in line), key=lambda job: job.number)

    def stages(self, *words: str) -> list[tuple[int, int]]:
        """SLURM's number of the job and the process of every running stage whose command line has all of some words."""
        number = b"SLURM_JOB_ID="
        return [
            (int(next(each for each in environment if each.startswith(number)).removeprefix(number)), pid)
            for pid, command, environment in self._own_processes()
            if command.startswith("python -m dfnas.stages.") and all(word in command for word in words)
        ]

    def log(self) -> str:
        """The end of what the daemons have to say."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-3000:]}" for log in logs)


def until(condition: Callable[[], bool], what: str, story: Callable[[], str], seconds: float = PATIENCE_S) -> None:
    """Waits for a condition; fails with a story if it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}\n{story()}"
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _daemon(*command: str) -> subprocess.Popen:
    """Starts a daemon in a session of its own. They keep logs themselves, and would hold our standard output open."""
    quiet = subprocess.DEVNULL
    call = {"start_new_session": True, "preexec_fn": dies_with_its_parent}
    return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, **call)


def dies_with_its_parent() -> None:
    """For a process that is about to start: killed when the tests are, whatever they die of (prctl(2))."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(daemon: subprocess.Popen, how: signal.Signals) -> None:
    daemon.send_signal(how)
    daemon.wait(timeout=PATIENCE_S)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _processes() -> Iterator[tuple[int, str, list[bytes]]]:
    """Id, command line and environment of every other process that is alive."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if pid == os.getpid():
            continue
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if state not in "ZX":
            yield pid, command, environment
