# What a run was, and where everything came from: the report's front page and its last.


rule provenance:
    input:
        **plan.traced(),
    output:
        report(
            f"{plan.results}/report/provenance.html",
            caption="../report/provenance.rst",
            category="5 Provenance",
            labels={"shows": "Where everything came from"},
        ),
    log:
        f"{plan.results}/logs/provenance.log",
    benchmark:
        f"{plan.results}/benchmarks/provenance.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("provenance")
    resources:
        **plan.resources("provenance"),
    params:
        artifacts=plan.input_options(*plan.traced()),
        machine=plan.machine("provenance"),
        code=plan.code("provenance"),
    shell:
        "python -m dfnas.stages.provenance {params.artifacts} --out {output:q} {params.machine} 2> {log:q}"


rule describe_run:
    input:
        **plan.result_tables(),
        **plan.shown(),
        teacher=plan.network_file("teacher"),
        quality=plan.last_reports(),
    output:
        f"{plan.results}/report/run.rst",
    log:
        f"{plan.results}/logs/describe_run.log",
    benchmark:
        f"{plan.results}/benchmarks/describe_run.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("describe_run")
    resources:
        **plan.resources("describe_run"),
    params:
        run=plan.described(),
        files=plan.input_options(*plan.result_tables(), *plan.shown(), "quality"),
        machine=plan.machine("describe_run"),
        code=plan.code("describe_run"),
    shell:
        "python -m dfnas.stages.describe_run --teacher {input.teacher:q} {params.run} {params.files} --out {output:q}"
        " {params.machine} 2> {log:q}"
