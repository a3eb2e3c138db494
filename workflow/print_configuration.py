"""Prints as JSON what a configuration means, checked and complete, as the workflow itself would read it.

    python workflow/print_configuration.py [FILE ...]

The files are laid over `config.yaml` as `snakemake --configfile` does it. A wrong one is one line on standard error,
and exit status 1. `dfnas doctor` asks this, so that the package need not know the workflow.
"""

import json
import sys
from pathlib import Path

from snakemake.utils import update_config

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow")]

from config_files import read_configuration_file  # noqa: E402
from configuration import laid_over_each_other, load  # noqa: E402
from dates import check_dates  # noqa: E402
from files import Files  # noqa: E402

from dfnas.runtime.errors import InputError  # noqa: E402


def main(paths: list[str]) -> int:
    try:
        values = read_configuration_file(ROOT / "config.yaml")
        overlay = laid_over_each_other(map(read_configuration_file, paths))
        update_config(values, overlay)
        files = Files(load(values, overlay))
        check_dates(files.given_files())
        print(json.dumps(files.config.plain()))
    except InputError as error:
        print(f"configuration: {error}", file=sys.stderr)
    except OSError as error:
        print(f"configuration: {error.filename}: {error.strerror}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
