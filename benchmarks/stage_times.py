"""Where a run's time went: a Markdown table from Snakemake's benchmark files.

python benchmarks/stage_times.py results
"""

import csv
import sys
from pathlib import Path


def main(results: str) -> None:
    folder = Path(results) / "benchmarks"
    jobs: dict[str, list[dict[str, float]]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                jobs.setdefault(rule, []).append({name: _number(row[name]) for name in ("s", "cpu_time", "max_pss")})
    total = sum(job["cpu_time"] for rule in jobs.values() for job in rule)
    print("| rule | jobs | seconds a job | core-seconds in all | share | peak memory a job, MB |")
    print("| --- | --: | --: | --: | --: | --: |")
    for rule, runs in sorted(jobs.items(), key=lambda item: -sum(job["cpu_time"] for job in item[1])):
        seconds = sum(job["s"] for job in runs) / len(runs)
        cpu = sum(job["cpu_time"] for job in runs)
        memory = max(job["max_pss"] for job in runs)
        print(f"| `{rule}` | {len(runs)} | {seconds:.1f} | {cpu:.0f} | {cpu / total:.0%} | {memory:.0f} |")
    print(f"| all | {sum(map(len, jobs.values()))} | | {total:.0f} | 100% | |")


def _number(text: str) -> float:
    """Jobs shorter than a sampling interval have no figure."""
    return 0.0 if text in ("NA", "-", "") else float(text)


if __name__ == "__main__":
    main(sys.argv[1])
