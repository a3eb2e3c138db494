# Found architectures judged by a table that has the true accuracy of all. Only what stands here reads it, and nothing is
# made from what it says.


rule lookup:
    input:
        architecture=f"{plan.results}/search/{{algorithm}}/{{search_data}}/seed-{{seed}}/architecture.json",
        table=local(plan.accuracy_table()),
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
