# Data-free neural architecture search: from a classifier to results/table1.csv.
#
#   snakemake --cores 8 results/table1.csv                      the embedded default
#   snakemake --cores 8 --configfile workflow/presets/cifar10.yaml
#   snakemake --cores 8 --report results/report.html --report-after-run
#
# The rules are in workflow/rules, one file per part of the chain. What they share: workflow/configuration.py checks what
# the configuration says, workflow/files.py names the files that follow, workflow/codes.py the code behind each rule;
# workflow/plan.py has the command lines, workflow/dates.py the dates of given files, workflow/real_images.py looks at
# original images, workflow/record.py leaves what was called. `dfnas status` reads the journal of every call.
import shlex
import sys
from pathlib import Path

from snakemake.logging import logger
from snakemake.utils import min_version, update_config

min_version("9.0")

sys.path[:0] = [workflow.basedir, f"{workflow.basedir}/workflow"]
from config_files import check_command_line, check_configuration_file, read_configuration_file, with_numbers
from configuration import laid_over_each_other
from dates import check_dates, wait_for_dates
from plan import Plan
from real_images import check_task
from record import write_record

from dfnas.doctor.calls import announce
from dfnas.live.journal import Journal, attach
from dfnas.runtime.errors import InputError


configfile: f"{workflow.basedir}/config.yaml"


report: "workflow/report/workflow.rst"


try:
    check_configuration_file(f"{workflow.basedir}/config.yaml")
    if workflow.is_main_process:
        check_command_line(sys.argv)
    # The files of --configfile and what --config says, one by one: what is laid over what matters.
    said = with_numbers(dict(workflow.config_settings.config))
    update_config(config, said)
    layers = [*map(read_configuration_file, workflow.config_settings.configfiles), said]
    plan = Plan(config, laid_over_each_other(layers))
    if workflow.is_main_process:  # the node of a job may have another clock
        check_dates(plan.given_files())
        check_task(plan.config)
except InputError as error:
    sys.exit(f"configuration: error: {error}")

# Neither a job's own process nor a dry run is a call that others have to know of.
if workflow.is_main_process and not workflow.output_settings.dryrun:
    try:
        if told := announce(Path.cwd(), unlocks="--unlock" in sys.argv):
            print(f"dfnas: {told}", file=sys.stderr)
    except InputError as error:
        sys.exit(f"dfnas: error: {error}")
    journal = attach(Journal(plan.results), logger)

# The stages run the code of this checkout, whatever is installed.
shell.prefix(f"export PYTHONPATH={shlex.quote(str(workflow.basedir))}${{{{PYTHONPATH:+:$PYTHONPATH}}}}; ")


wildcard_constraints:
    generation=r"\d+",
    shard=r"\d+",
    seed=r"\d+",
    space=r"[0-9a-f]{12}",
    algorithm="|".join(dict.fromkeys([*plan.algorithms_on_data, *plan.algorithms_without_data])),
    source="|".join(plan.sources),
    search_data="|".join(["original", *plan.sources, *plan.config.variants, "none"]),
    retrain_data="|".join(["original", *plan.sources]),
    role="|".join(plan.config.networks()) or "none",
    run=r"teacher|\w+/\w+/\w+/seed-\d+",


onstart:
    write_record(plan.results, plan.config)
    journal.begin(["snakemake", *sys.argv[1:]], log)
    wait_for_dates(plan.given_files())


onsuccess:
    journal.succeeded = True


targets = plan.targets()


rule all:
    default_target: True
    input:
        targets["all"],


for name, files in targets.items():
    if name != "all":

        rule:
            name:
                name
            input:
                files,


include: "workflow/rules/teacher.smk"
include: "workflow/rules/synthesize.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/proxies.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/quality.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/deploy.smk"
include: "workflow/rules/provenance.smk"


if plan.config.lookup:

    include: "workflow/rules/lookup.smk"
