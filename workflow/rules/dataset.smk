# The data sets that searches and training read. Original images enter here and nowhere else.


rule shard_dataset:
    input:
        shards=plan.images_of_source,
        labels=plan.labels_of_source,
    output:
        f"{plan.results}/dataset/{{source}}.h5",
    log:
        f"{plan.results}/logs/shard_dataset/{{source}}.log",
    benchmark:
        f"{plan.results}/benchmarks/shard_dataset/{{source}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("shard_dataset")
    resources:
        **plan.resources("shard_dataset"),
    params:
        options=plan.options("shard_dataset"),
        machine=plan.machine("shard_dataset"),
        code=plan.code("shard_dataset"),
    shell:
        "python -m dfnas.stages.shard_dataset --source {wildcards.source} --shards {input.shards:q}"
        " --labels {input.labels:q} --out {output:q} {params.options} {params.machine} 2> {log:q}"


if plan.config.has_originals:

    rule shard_original:
        input:
            local(plan.original_files()),
        output:
            dataset=f"{plan.results}/dataset/original.h5",
            shards=expand(f"{plan.results}/dataset/original/shard-{{shard}}.h5", shard=plan.original_shards),
        log:
            f"{plan.results}/logs/shard_original.log",
        benchmark:
            f"{plan.results}/benchmarks/shard_original.tsv"
        conda:
            "../../envs/dfnas.yaml"
        threads: plan.threads("shard_original")
        resources:
            **plan.resources("shard_original"),
        params:
            options=plan.options("shard_original"),
            machine=plan.machine("shard_original"),
            code=plan.code("shard_original"),
        shell:
            "python -m dfnas.stages.shard_original --out {output.dataset:q} --shard-files {output.shards:q}"
            " {params.options} {params.machine} 2> {log:q}"
