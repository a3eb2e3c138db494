# Found architectures judged by a table that has the true accuracy of all. Only what stands here reads it, and nothing is
# made from what it says.


rule cost_table:
    input:
        table=local(plan.accuracy_table()),
        spaces=plan.checked_spaces(),
        latency=plan.timed_table(),
    output:
        plan.costs_file(),
    log:
        f"{plan.results}/logs/cost_table.log",
    benchmark:
        f"{plan.results}/benchmarks/cost_table.tsv"
    # That the table is of the searched space is seen before anything long runs.
    priority: 100
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("cost_table")
    resources:
        **plan.resources("cost_table"),
    params:
        spaces=plan.compared_spaces(),
        budgets=plan.budgets(),
        task=plan.task(),
        latency=plan.input_options("latency"),
        options=plan.options("cost_table"),
        machine=plan.machine("cost_table"),
        code=plan.code("cost_table"),
    shell:
        "python -m dfnas.stages.cost_table --spaces {params.spaces:q} --budgets {params.budgets:q} {params.task}"
        " {params.latency} --out {output:q} {params.options} {params.machine} 2> {log:q}"


rule lookup:
    input:
        architecture=f"{plan.results}/search/{{algorithm}}/{{search_data}}/seed-{{seed}}/architecture.json",
        table=local(plan.accuracy_table()),
        checked=plan.costs_file(),
    output:
        f"{plan.results}/lookup/{{algorithm}}/{{search_data}}/seed-{{seed}}.json",
    log:
        f"{plan.results}/logs/lookup/{{algorithm}}/{{search_data}}/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/lookup/{{algorithm}}/{{search_data}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("lookup")
    resources:
        **plan.resources("lookup"),
    params:
        options=plan.options("lookup"),
        machine=plan.machine("lookup"),
        code=plan.code("lookup"),
    shell:
        "python -m dfnas.stages.lookup --architecture {input.architecture:q} --algorithm {wildcards.algorithm}"
        " --search-data {wildcards.search_data} --seed {wildcards.seed} --out {output:q} {params.options}"
        " {params.machine} 2> {log:q}"


rule rank_architectures:
    input:
        supernet=f"{plan.results}/supernet/spos/{{search_data}}/seed-{{seed}}/supernet.pt",
        dataset=plan.searched_dataset,
        shards=plan.searched_images,
        teacher=plan.ranking_teacher,
        original=f"{plan.results}/dataset/original.h5",
        originals=plan.image_files("original"),
    output:
        f"{plan.results}/ranking/spos/{{search_data}}/seed-{{seed}}.csv",
    log:
        f"{plan.results}/logs/rank_architectures/{{search_data}}/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/rank_architectures/{{search_data}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("rank_architectures")
    resources:
        **plan.resources("rank_architectures"),
    params:
        search=plan.searched_with,
        beside=plan.input_options("teacher"),
        options=plan.options("rank_architectures"),
        machine=plan.machine("rank_architectures"),
        code=plan.code("rank_architectures"),
    shell:
        "python -m dfnas.stages.rank_architectures --supernet {input.supernet:q} --search {params.search:q}"
        " --dataset {input.dataset:q} --original {input.original:q} --search-data {wildcards.search_data} {params.beside}"
        " --search-seed {wildcards.seed} --out {output:q} {params.options} {params.machine} 2> {log:q}"


rule tabulate_lookups:
    input:
        lookups=plan.lookups(),
        rankings=plan.rankings(),
        table=local(plan.accuracy_table()),
    output:
        table=f"{plan.results}/lookup.csv",
        page=report(
            f"{plan.results}/report/lookup.html",
            caption="../report/lookup.rst",
            category="1 Comparison",
            labels={"shows": "True accuracies"},
        ),
    log:
        f"{plan.results}/logs/tabulate_lookups.log",
    benchmark:
        f"{plan.results}/benchmarks/tabulate_lookups.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("tabulate_lookups")
    resources:
        **plan.resources("tabulate_lookups"),
    params:
        options=plan.options("tabulate_lookups"),
        machine=plan.machine("tabulate_lookups"),
        code=plan.code("tabulate_lookups"),
    shell:
        "python -m dfnas.stages.tabulate_lookups --lookups {input.lookups:q} --rankings {input.rankings:q}"
        " --out {output.table:q} --page {output.page:q} {params.options} {params.machine} 2> {log:q}"


rule draw_rankings:
    input:
        rankings=plan.rankings(),
        table=local(plan.accuracy_table()),
    output:
        report(
            f"{plan.results}/pictures/rankings.png",
            caption="../report/rankings.rst",
            category="1 Comparison",
            labels={"shows": "What supernets say of architectures"},
        ),
    log:
        f"{plan.results}/logs/draw_rankings.log",
    benchmark:
        f"{plan.results}/benchmarks/draw_rankings.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("draw_rankings")
    resources:
        **plan.resources("draw_rankings"),
    params:
        options=plan.options("draw_rankings"),
        machine=plan.machine("draw_rankings"),
        code=plan.code("draw_rankings"),
    shell:
        "python -m dfnas.stages.draw_rankings --rankings {input.rankings:q} --out {output:q} {params.options}"
        " {params.machine} 2> {log:q}"


rule tabulate_correlations:
    input:
        rankings=plan.rankings(),
        proxies=plan.proxies(),
        costs=plan.costs_file(),
        table=local(plan.accuracy_table()),
    output:
        f"{plan.results}/correlations.csv",
    log:
        f"{plan.results}/logs/tabulate_correlations.log",
    benchmark:
        f"{plan.results}/benchmarks/tabulate_correlations.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("tabulate_correlations")
    resources:
        **plan.resources("tabulate_correlations"),
    params:
        files=plan.input_options("rankings", "proxies"),
        proxies=plan.proxy_options(),
        kinds=plan.kinds(),
        options=plan.options("tabulate_correlations"),
        machine=plan.machine("tabulate_correlations"),
        code=plan.code("tabulate_correlations"),
    shell:
        "python -m dfnas.stages.tabulate_correlations --costs {input.costs:q} {params.files} {params.proxies}"
        " --kinds {params.kinds:q} --out {output:q} {params.options} {params.machine} 2> {log:q}"


if plan.compares_budgets():

    rule tabulate_budgets:
        input:
            found=plan.found_within(),
            proxies=plan.proxies(),
            costs=plan.costs_file(),
            table=local(plan.accuracy_table()),
        output:
            table=f"{plan.results}/budgets.csv",
            raw=f"{plan.results}/budgets_raw.csv",
            paired=f"{plan.results}/budgets_paired.csv",
            page=report(
                f"{plan.results}/report/budgets.html",
                caption="../report/budgets.rst",
                category="1 Comparison",
                labels={"shows": "Results under budgets"},
            ),
        log:
            f"{plan.results}/logs/tabulate_budgets.log",
        benchmark:
            f"{plan.results}/benchmarks/tabulate_budgets.tsv"
        conda:
            "../../envs/dfnas.yaml"
        threads: plan.threads("tabulate_budgets")
        resources:
            **plan.resources("tabulate_budgets"),
        params:
            files=plan.input_options("found", "proxies"),
            proxies=plan.proxy_options(),
            budgets=plan.budgets(),
            kinds=plan.kinds(),
            options=plan.options("tabulate_budgets"),
            machine=plan.machine("tabulate_budgets"),
            code=plan.code("tabulate_budgets"),
        shell:
            "python -m dfnas.stages.tabulate_budgets --costs {input.costs:q} {params.files} {params.proxies}"
            " --budgets {params.budgets:q} --kinds {params.kinds:q} --out {output.table:q} --raw {output.raw:q}"
            " --paired {output.paired:q} --page {output.page:q} {params.options} {params.machine} 2> {log:q}"

    rule draw_budgets:
        input:
            f"{plan.results}/budgets.csv",
        output:
            report(
                f"{plan.results}/pictures/budgets.png",
                caption="../report/budgets_picture.rst",
                category="1 Comparison",
                labels={"shows": "Regret against budget"},
            ),
        log:
            f"{plan.results}/logs/draw_budgets.log",
        benchmark:
            f"{plan.results}/benchmarks/draw_budgets.tsv"
        conda:
            "../../envs/dfnas.yaml"
        threads: plan.threads("draw_budgets")
        resources:
            **plan.resources("draw_budgets"),
        params:
            machine=plan.machine("draw_budgets"),
            code=plan.code("draw_budgets"),
        shell:
            "python -m dfnas.stages.draw_budgets --results {input:q} --out {output:q} {params.machine} 2> {log:q}"
