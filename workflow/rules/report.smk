# What a reader looks at: Table 1, the times beside it, and pictures.


rule measure_latency:
    input:
        networks=plan.networks(),
    output:
        f"{plan.results}/latency.csv",
    log:
        f"{plan.results}/logs/measure_latency.log",
    benchmark:
        f"{plan.results}/benchmarks/measure_latency.tsv"
    conda:
        "../../envs/dfnas.yaml"
    # All cores that there are, so that nothing else runs on this machine meanwhile; the timed passes use --threads.
    threads: 1024
    resources:
        **plan.resources("measure_latency"),
    params:
        options=plan.options("measure_latency"),
        machine=plan.machine("measure_latency"),
        code=plan.code["measure_latency"],
    shell:
        "python -m dfnas.stages.measure_latency --networks {input.networks:q} --out {output:q}"
        " {params.options} {params.machine} 2> {log:q}"


rule draw_images:
    input:
        shards=plan.images_of_source,
        reports=plan.quality_reports,
    output:
        images=report(
            f"{plan.results}/pictures/{{source}}/images.png",
            caption="../report/images.rst",
            category="Synthetic images",
            labels={"data": "{source}", "generation": "all"},
        ),
        plots=report(
            f"{plan.results}/pictures/{{source}}/generations.png",
            caption="../report/generations.rst",
            category="Synthetic images",
            labels={"data": "{source}", "generation": "figures over all"},
        ),
    log:
        f"{plan.results}/logs/draw_images/{{source}}.log",
    benchmark:
        f"{plan.results}/benchmarks/draw_images/{{source}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("draw_images")
    resources:
        **plan.resources("draw_images"),
    params:
        machine=plan.machine("draw_images"),
        code=plan.code["draw_images"],
    shell:
        "python -m dfnas.stages.draw_images --shards {input.shards:q} --reports {input.reports:q}"
        " --out {output.images:q} --plots {output.plots:q} {params.machine} 2> {log:q}"


rule draw_search:
    input:
        unpack(plan.search_record),
    output:
        report(
            f"{plan.results}/search/{{algorithm}}/{{search_data}}/seed-{{seed}}/search.png",
            caption="../report/search.rst",
            category="Searches",
            labels={"algorithm": "{algorithm}", "data": "{search_data}", "seed": "{seed}"},
        ),
    log:
        f"{plan.results}/logs/draw_search/{{algorithm}}/{{search_data}}/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/draw_search/{{algorithm}}/{{search_data}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("draw_search")
    resources:
        **plan.resources("draw_search"),
    params:
        record=plan.record_options,
        machine=plan.machine("draw_search"),
        code=plan.code_on_space("draw_search"),
    shell:
        "python -m dfnas.stages.draw_search {params.record} --algorithm {wildcards.algorithm}"
        " --search-data {wildcards.search_data} --seed {wildcards.seed} --out {output:q} {params.machine} 2> {log:q}"


rule table1:
    input:
        metrics=plan.metrics(),
        networks=plan.networks(),
        timings=plan.timings(),
        latency=f"{plan.results}/latency.csv",
    output:
        table=f"{plan.results}/table1.csv",
        times=f"{plan.results}/table1_times.csv",
    log:
        f"{plan.results}/logs/table1.log",
    benchmark:
        f"{plan.results}/benchmarks/table1.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("table1")
    resources:
        **plan.resources("table1"),
    params:
        machine=plan.machine("table1"),
        code=plan.code["table1"],
    shell:
        "python -m dfnas.stages.table1 --metrics {input.metrics:q} --networks {input.networks:q}"
        " --timings {input.timings:q} --latency {input.latency:q} --out {output.table:q} --times {output.times:q}"
        " {params.machine} 2> {log:q}"
