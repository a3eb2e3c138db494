"""Settings of what jobs may use."""

from dfnas.settings.base import Count, CountOrZero, Settings


class ResourceSettings(Settings):
    """What a job of a rule may use."""

    threads: Count = 1
    """Threads of a job. Part of what determines its result on a CPU: sums are split by threads."""
    mem_mb: Count = 2000
    """Memory in megabytes. A job that is tried again gets twice as much, then three times."""
    runtime: Count = 60
    """Minutes; as many more when a job is tried again."""
    max_mem_mb: CountOrZero = 0
    """The most memory that any try asks for, in megabytes: what the largest node has. 0 is no limit."""
    max_runtime: CountOrZero = 0
    """The most minutes that any try asks for: what the partition allows. 0 is no limit."""
    gpu: CountOrZero = 0
    """GPUs. A job of `retrain`, `supernet_darts`, `supernet_proxyless` or `supernet_spos` with several works on all of
    them, a process on each; with `device: cpu` there are as many processes on the CPU."""
