# Random architectures with the training-free scores of their untrained networks: what a search has to be better than.


rule score_architectures:
    input:
        unpack(plan.scored_images),
        latency=plan.scored_latency(),
        space=f"{plan.results}/spaces/training_free.json",
    output:
        f"{plan.results}/proxies/{{search_data}}/seed-{{seed}}.csv",
    log:
        f"{plan.results}/logs/score_architectures/{{search_data}}/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/score_architectures/{{search_data}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("score_architectures")
    resources:
        **plan.resources("score_architectures"),
    params:
        scoring=plan.scoring(),
        task=plan.task(),
        beside=plan.input_options("dataset", "latency"),
        options=plan.options("score_architectures"),
        machine=plan.machine("score_architectures"),
        code=plan.code("score_architectures"),
    shell:
        "python -m dfnas.stages.score_architectures {params.scoring} {params.task} {params.beside}"
        " --search-data {wildcards.search_data} --seed {wildcards.seed} --out {output:q} {params.options}"
        " {params.machine} 2> {log:q}"
