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
        code=plan.code("measure_latency"),
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
            category="2 Synthetic images",
            labels={"data": "{source}", "shows": "images of all generations"},
        ),
        plots=report(
            f"{plan.results}/pictures/{{source}}/generations.png",
            caption="../report/generations.rst",
            category="2 Synthetic images",
            labels={"data": "{source}", "shows": "quality over the generations"},
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
        code=plan.code("draw_images"),
    shell:
        "python -m dfnas.stages.draw_images --shards {input.shards:q} --reports {input.reports:q}"
        " --out {output.images:q} --plots {output.plots:q} {params.machine} 2> {log:q}"


rule draw_labels:
    input:
        labels=plan.all_labels(),
        reports=plan.all_calibrations(),
    output:
        report(
            f"{plan.results}/pictures/labels.png",
            caption="../report/labels.rst",
            category="2 Synthetic images",
            labels={"data": "all", "shows": "labels over the generations"},
        ),
    log:
        f"{plan.results}/logs/draw_labels.log",
    benchmark:
        f"{plan.results}/benchmarks/draw_labels.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("draw_labels")
    resources:
        **plan.resources("draw_labels"),
    params:
        sources=plan.labelled_sources(),
        machine=plan.machine("draw_labels"),
        code=plan.code("draw_labels"),
    shell:
        "python -m dfnas.stages.draw_labels --labels {input.labels:q} --reports {input.reports:q} {params.sources}"
        " --out {output:q} {params.machine} 2> {log:q}"


rule draw_search:
    input:
        unpack(plan.search_record),
    output:
        report(
            f"{plan.results}/search/{{algorithm}}/{{search_data}}/seed-{{seed}}/search.png",
            caption="../report/search.rst",
            category="3 Searches",
            labels=plan.search_labels,
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
        record=plan.input_options("architecture", "history", "candidates", "strengths"),
        machine=plan.machine("draw_search"),
        code=plan.code("draw_search"),
    shell:
        "python -m dfnas.stages.draw_search {params.record} --algorithm {wildcards.algorithm}"
        " --search-data {wildcards.search_data} --seed {wildcards.seed} --out {output:q} {params.machine} 2> {log:q}"


rule draw_training:
    input:
        histories=plan.histories_of_algorithm,
    output:
        report(
            f"{plan.results}/retrain/{{algorithm}}/curves.png",
            caption="../report/training.rst",
            category="4 Trainings",
            labels={"trained": "What {algorithm} found"},
        ),
    log:
        f"{plan.results}/logs/draw_training/{{algorithm}}.log",
    benchmark:
        f"{plan.results}/benchmarks/draw_training/{{algorithm}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("draw_training")
    resources:
        **plan.resources("draw_training"),
    params:
        data=plan.data_of_algorithm,
        machine=plan.machine("draw_training"),
        code=plan.code("draw_training"),
    shell:
        "python -m dfnas.stages.draw_training --algorithm {wildcards.algorithm} --histories {input.histories:q}"
        " {params.data} --out {output:q} {params.machine} 2> {log:q}"


rule compare_data:
    input:
        metrics=plan.evaluations("metrics.json", plan.compared_runs()),
        predictions=plan.evaluations("predictions.csv", plan.compared_runs()),
    output:
        table=f"{plan.results}/significance.csv",
        text=f"{plan.results}/significance.md",
        page=report(
            f"{plan.results}/report/significance.html",
            caption="../report/significance.rst",
            category="1 Comparison",
            labels={"shows": "What the differences mean, in words"},
        ),
    log:
        f"{plan.results}/logs/compare_data.log",
    benchmark:
        f"{plan.results}/benchmarks/compare_data.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("compare_data")
    resources:
        **plan.resources("compare_data"),
    params:
        options=plan.options("compare_data"),
        machine=plan.machine("compare_data"),
        code=plan.code("compare_data"),
    shell:
        "python -m dfnas.stages.compare_data --metrics {input.metrics:q} --predictions {input.predictions:q}"
        " --out {output.table:q} --text {output.text:q} --page {output.page:q} {params.options} {params.machine}"
        " 2> {log:q}"


rule table1:
    input:
        metrics=plan.metrics(),
        timings=plan.timings(),
        latency=f"{plan.results}/latency.csv",
    output:
        table=f"{plan.results}/table1.csv",
        times=f"{plan.results}/table1_times.csv",
        classes=f"{plan.results}/per_class.csv",
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
        code=plan.code("table1"),
    shell:
        "python -m dfnas.stages.table1 --metrics {input.metrics:q}"
        " --timings {input.timings:q} --latency {input.latency:q} --out {output.table:q} --times {output.times:q}"
        " --classes {output.classes:q} {params.machine} 2> {log:q}"


rule typeset_table1:
    input:
        table=f"{plan.results}/table1.csv",
        times=f"{plan.results}/table1_times.csv",
        classes=f"{plan.results}/per_class.csv",
    output:
        markdown=f"{plan.results}/table1.md",
        latex=f"{plan.results}/table1.tex",
        page=report(
            f"{plan.results}/report/table1.html",
            caption="../report/table1.rst",
            category="1 Comparison",
            labels={"shows": "Table 1: errors and sizes"},
        ),
        times_page=report(
            f"{plan.results}/report/table1_times.html",
            caption="../report/table1_times.rst",
            category="1 Comparison",
            labels={"shows": "Table 2: hours, energy, latency, memory"},
        ),
    log:
        f"{plan.results}/logs/typeset_table1.log",
    benchmark:
        f"{plan.results}/benchmarks/typeset_table1.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("typeset_table1")
    resources:
        **plan.resources("typeset_table1"),
    params:
        machine=plan.machine("typeset_table1"),
        code=plan.code("typeset_table1"),
    shell:
        "python -m dfnas.stages.typeset_table1 --table {input.table:q} --times {input.times:q} --classes {input.classes:q}"
        " --out {output.markdown:q} --latex {output.latex:q} --page {output.page:q} --times-page {output.times_page:q}"
        " {params.machine} 2> {log:q}"


rule draw_comparison:
    input:
        metrics=plan.evaluations("metrics.json", plan.runs()),
        teacher=f"{plan.results}/evaluate/teacher/metrics.json",
    output:
        report(
            f"{plan.results}/report/comparison.png",
            caption="../report/comparison.rst",
            category="1 Comparison",
            labels={"shows": "Test error by algorithm and against size"},
        ),
    log:
        f"{plan.results}/logs/draw_comparison.log",
    benchmark:
        f"{plan.results}/benchmarks/draw_comparison.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("draw_comparison")
    resources:
        **plan.resources("draw_comparison"),
    params:
        machine=plan.machine("draw_comparison"),
        code=plan.code("draw_comparison"),
    shell:
        "python -m dfnas.stages.draw_comparison --metrics {input.metrics:q} --teacher {input.teacher:q} --out {output:q}"
        " {params.machine} 2> {log:q}"
