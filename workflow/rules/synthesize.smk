# Images and labels of each synthetic data set, generation by generation: the images of a generation aim at the labels of
# the one before.


rule invert_teacher:
    input:
        teacher=f"{plan.results}/teacher/teacher.pt",
        labels=plan.labels_before,
        competitor=plan.competitor,
    output:
        images=f"{plan.results}/synthesis/{{source}}/generation-{{generation}}/shard-{{shard}}.h5",
        history=f"{plan.results}/synthesis/{{source}}/generation-{{generation}}/shard-{{shard}}.csv",
    log:
        f"{plan.results}/logs/invert_teacher/{{source}}/generation-{{generation}}/shard-{{shard}}.log",
    benchmark:
        f"{plan.results}/benchmarks/invert_teacher/{{source}}/generation-{{generation}}/shard-{{shard}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("invert_teacher")
    resources:
        **plan.resources("invert_teacher"),
    params:
        options=plan.options("invert_teacher"),
        batches=plan.batches_option,
        beside=plan.input_options("labels", "competitor"),
        machine=plan.machine("invert_teacher"),
        code=plan.code("invert_teacher"),
    shell:
        "python -m dfnas.stages.invert_teacher --teacher {input.teacher:q} --generation {wildcards.generation}"
        " {params.batches} {params.beside} --out {output.images:q} --history {output.history:q}"
        " {params.options} {params.machine} 2> {log:q}"


rule calibrate_labels:
    input:
        teacher=f"{plan.results}/teacher/teacher.pt",
        shards=plan.images_of_generation,
    output:
        labels=f"{plan.results}/labels/{{source}}/generation-{{generation}}.h5",
        report=f"{plan.results}/labels/{{source}}/generation-{{generation}}.json",
    log:
        f"{plan.results}/logs/calibrate_labels/{{source}}/generation-{{generation}}.log",
    benchmark:
        f"{plan.results}/benchmarks/calibrate_labels/{{source}}/generation-{{generation}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("calibrate_labels")
    resources:
        **plan.resources("calibrate_labels"),
    params:
        options=plan.options("calibrate_labels"),
        machine=plan.machine("calibrate_labels"),
        code=plan.code("calibrate_labels"),
    shell:
        "python -m dfnas.stages.calibrate_labels --teacher {input.teacher:q} --shards {input.shards:q}"
        " --generation {wildcards.generation} --out {output.labels:q} --report {output.report:q}"
        " {params.options} {params.machine} 2> {log:q}"
