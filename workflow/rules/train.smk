# From architectures to trained networks and their figures on the original test images.


rule retrain:
    input:
        architecture=f"{plan.results}/search/{{algorithm}}/{{search_data}}/seed-{{seed}}/architecture.json",
        dataset=f"{plan.results}/dataset/{{retrain_data}}.h5",
        shards=plan.training_images,
        teacher=plan.training_teacher,
    output:
        network=f"{plan.results}/retrain/{{algorithm}}/{{search_data}}/{{retrain_data}}/seed-{{seed}}/model.pt",
        history=f"{plan.results}/retrain/{{algorithm}}/{{search_data}}/{{retrain_data}}/seed-{{seed}}/history.csv",
        timing=f"{plan.results}/retrain/{{algorithm}}/{{search_data}}/{{retrain_data}}/seed-{{seed}}/timing.json",
    log:
        f"{plan.results}/logs/retrain/{{algorithm}}/{{search_data}}/{{retrain_data}}/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/retrain/{{algorithm}}/{{search_data}}/{{retrain_data}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("retrain") * plan.processes("retrain")
    resources:
        **plan.resources("retrain"),
    params:
        launcher=plan.launcher("retrain"),
        teacher=plan.input_options("teacher"),
        options=plan.options("retrain"),
        fresh=plan.fresh_option,
        machine=plan.machine("retrain"),
        code=plan.code("retrain"),
    shell:
        "{params.launcher} -m dfnas.stages.retrain --architecture {input.architecture:q} --dataset {input.dataset:q}"
        " {params.teacher} --algorithm {wildcards.algorithm} --search-data {wildcards.search_data}"
        " --retrain-data {wildcards.retrain_data} --seed {wildcards.seed} --out {output.network:q}"
        " --history {output.history:q} --timing {output.timing:q} {params.options} {params.fresh} {params.machine} 2> {log:q}"


rule evaluate:
    input:
        unpack(plan.test_data),
        network=plan.evaluated_network,
        teacher=plan.network_file("teacher"),
        held_out=plan.held_out_data,
        held_out_shards=plan.held_out_images,
    output:
        metrics=f"{plan.results}/evaluate/{{run}}/metrics.json",
        predictions=f"{plan.results}/evaluate/{{run}}/predictions.csv",
    log:
        f"{plan.results}/logs/evaluate/{{run}}.log",
    benchmark:
        f"{plan.results}/benchmarks/evaluate/{{run}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("evaluate")
    resources:
        **plan.resources("evaluate"),
    params:
        test=plan.input_options("dataset"),
        options=plan.options("evaluate"),
        machine=plan.machine("evaluate"),
        code=plan.code("evaluate"),
    shell:
        "python -m dfnas.stages.evaluate --network {input.network:q} --teacher {input.teacher:q}"
        " {params.test} --held-out {input.held_out:q} --out {output.metrics:q}"
        " --predictions {output.predictions:q} {params.options} {params.machine} 2> {log:q}"
