# From trained networks to what is given away: the best of every algorithm as files, and a card that says what it is.
# The files are chosen by validation images and follow from the networks alone; only the card reads test figures.


rule export:
    input:
        networks=plan.networks_of_algorithm,
        datasets=plan.datasets_of_algorithm,
        shards=plan.images_of_deployed(),
    output:
        network=f"{plan.results}/deploy/{{algorithm}}/model.safetensors",
        onnx=f"{plan.results}/deploy/{{algorithm}}/model.onnx",
        program=f"{plan.results}/deploy/{{algorithm}}/model.pt2",
    log:
        f"{plan.results}/logs/export/{{algorithm}}.log",
    benchmark:
        f"{plan.results}/benchmarks/export/{{algorithm}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("export")
    resources:
        **plan.resources("export"),
    params:
        machine=plan.machine("export"),
        code=plan.code("export"),
    shell:
        "python -m dfnas.stages.export --networks {input.networks:q} --datasets {input.datasets:q}"
        " --out {output.network:q} --onnx {output.onnx:q} --program {output.program:q} {params.machine} 2> {log:q}"


rule model_card:
    input:
        network=f"{plan.results}/deploy/{{algorithm}}/model.safetensors",
        onnx=f"{plan.results}/deploy/{{algorithm}}/model.onnx",
        program=f"{plan.results}/deploy/{{algorithm}}/model.pt2",
        metrics=plan.metrics_of_algorithm,
        latency=f"{plan.results}/latency.csv",
        teacher=plan.network_file("teacher"),
    output:
        f"{plan.results}/deploy/{{algorithm}}/README.md",
    log:
        f"{plan.results}/logs/model_card/{{algorithm}}.log",
    benchmark:
        f"{plan.results}/benchmarks/model_card/{{algorithm}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("model_card")
    resources:
        **plan.resources("model_card"),
    params:
        machine=plan.machine("model_card"),
        code=plan.code("model_card"),
    shell:
        "python -m dfnas.stages.model_card --network {input.network:q} --onnx {input.onnx:q}"
        " --program {input.program:q} --metrics {input.metrics:q} --latency {input.latency:q}"
        " --teacher {input.teacher:q} --out {output:q} {params.machine} 2> {log:q}"
