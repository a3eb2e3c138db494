"""Whether the configured device is there, and the cores and the memory that jobs reserve."""

from dfnas.doctor.findings import Finding, failure, ok, warning
from dfnas.doctor.machine import Machine
from dfnas.runtime.device import BFLOAT16_CAPABILITY, host_lock
from dfnas.runtime.errors import InputError
from dfnas.settings.config import Config


def check_device(config: Config, machine: Machine) -> list[Finding]:
    """Where tensors will be computed."""
    asked = [rule for rule in config.rules if config.resources_of(rule)["gpu"]]
    if config.device == "cpu" or (config.device == "auto" and not machine.gpus):
        found = [ok("device", f"cpu, {machine.cpu}")]
        if machine.cpu_bfloat16 is False and (slow := _in_bfloat16(config)):
            story = (
                f"cpu, {machine.cpu}, has no instructions for bfloat16: set precision to float32 in {', '.join(slow)}"
            )
            found = [warning("device", f"{story} (on one such CPU bfloat16 took eleven times as long)")]
        if asked and config.device == "auto":
            story = f"torch sees no GPU, and resources reserve some for {', '.join(asked)}: these jobs run on the CPU"
            found.append(warning("device", f"{story}; device = cuda refuses that"))
        return found
    if not machine.gpus:
        return [failure("device", f"{config.device}, but torch sees no GPU here; set device to cpu or auto")]
    used = machine.gpus_of(config.device)
    if not used:
        there = ", ".join(f"cuda:{number}" for number in range(len(machine.gpus)))
        return [failure("device", f"{config.device}, but the GPUs here are {there}")]
    most = max(config.resources_of(rule)["gpu"] for rule in config.rules)
    found = []
    if most > len(machine.gpus):
        found.append(failure("device", f"a job reserves {most} GPUs, and there are {len(machine.gpus)} here"))
    if config.device in ("auto", "cuda") and (unlocked := _cannot_be_claimed()):
        found.append(failure("device", unlocked))
    for number, gpu in used.items():
        version = ".".join(map(str, gpu.capability))
        story = f"cuda:{number}, {gpu.name}, capability {version}, {gpu.free_mb} of {gpu.total_mb} MB free"
        if gpu.capability < BFLOAT16_CAPABILITY and _in_bfloat16(config):
            story += "; it has no bfloat16 arithmetic: set precision to float32"
        elif gpu.free_mb < gpu.total_mb / 2:
            story += "; somebody else uses it"
        else:
            found.append(ok("device", f"{story}, driver {machine.driver or 'unknown'}"))
            continue
        found.append(warning("device", story))
    return found


def _cannot_be_claimed() -> str:
    """Why jobs of this host could not keep each other from a GPU; nothing where they can."""
    try:
        host_lock("any").check()
    except (InputError, OSError) as error:
        return str(error)
    return ""


def check_cores(config: Config, machine: Machine) -> list[Finding]:
    """Whether jobs get the threads that they ask for."""
    said = f"{machine.cores:g} of the host's {machine.host_cores}"
    wanting = [rule for rule in config.rules if config.resources_of(rule)["threads"] > machine.cores]
    if wanting:
        most = max(config.resources_of(rule)["threads"] for rule in wanting)
        story = f"{said}, and {', '.join(wanting)} ask for up to {most} threads: Snakemake gives them fewer"
        return [warning("cores", f"{story} and the result depends on it; lower resources.….threads")]
    if machine.load > machine.cores / 2:
        story = f"{said}, and other programs ask for {machine.load:.1f} of them: a run beside them takes longer"
        return [warning("cores", story)]
    return [ok("cores", said)]


def check_memory(config: Config, machine: Machine) -> list[Finding]:
    """Whether the memory that jobs reserve is there."""
    said = f"{machine.available_mb} of {machine.memory_mb} MB are free"
    reserved = {rule: config.resources_of(rule)["mem_mb"] for rule in config.rules}
    beyond = [rule for rule, mem_mb in reserved.items() if mem_mb > machine.memory_mb]
    if beyond:
        story = f"{said}, and {', '.join(beyond)} reserve up to {max(reserved.values())}; what they take is tried below"
        return [warning("memory", story)]
    least = min(reserved.values())
    if machine.available_mb < least:
        return [failure("memory", f"{said}, and no job reserves less than {least}; end other programs")]
    return [ok("memory", said)]


def _in_bfloat16(config: Config) -> list[str]:
    """The sections that compute in it."""
    sections = [*config, *((f"sources.{name}", source.invert_teacher) for name, source in config.sources.items())]
    return [name for name, section in sections if getattr(section, "precision", None) == "bfloat16"]
