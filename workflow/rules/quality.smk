# What the synthetic images are worth. Nothing is made from what is said here but pictures.


rule assess_images:
    input:
        teacher=f"{plan.results}/teacher/teacher.pt",
        verifier=plan.verifier(),
        shards=plan.images_of_generation,
        labels=f"{plan.results}/labels/{{source}}/generation-{{generation}}.h5",
    output:
        report=f"{plan.results}/quality/{{source}}/generation-{{generation}}.json",
        picture=report(
            f"{plan.results}/quality/{{source}}/generation-{{generation}}.png",
            caption="../report/generation.rst",
            category="2 Synthetic images",
            labels={"data": "{source}", "shows": "images of generation {generation}"},
        ),
    log:
        f"{plan.results}/logs/assess_images/{{source}}/generation-{{generation}}.log",
    benchmark:
        f"{plan.results}/benchmarks/assess_images/{{source}}/generation-{{generation}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("assess_images")
    resources:
        **plan.resources("assess_images"),
    params:
        options=plan.options("assess_images"),
        verifier=plan.input_options("verifier"),
        machine=plan.machine("assess_images"),
        code=plan.code("assess_images"),
    shell:
        "python -m dfnas.stages.assess_images --teacher {input.teacher:q} {params.verifier} --shards {input.shards:q}"
        " --labels {input.labels:q} --generation {wildcards.generation} --out {output.report:q}"
        " --picture {output.picture:q} {params.options} {params.machine} 2> {log:q}"


rule judge_images:
    input:
        teacher=f"{plan.results}/teacher/teacher.pt",
        synthetic=f"{plan.results}/dataset/{{source}}.h5",
        shards=plan.images_of_source,
        original=f"{plan.results}/dataset/original.h5",
        originals=plan.image_files("original"),
    output:
        judgement=f"{plan.results}/quality/{{source}}/judgement.json",
        history=f"{plan.results}/quality/{{source}}/student.csv",
    log:
        f"{plan.results}/logs/judge_images/{{source}}.log",
    benchmark:
        f"{plan.results}/benchmarks/judge_images/{{source}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("judge_images")
    resources:
        **plan.resources("judge_images"),
    params:
        options=plan.options("judge_images"),
        machine=plan.machine("judge_images"),
        code=plan.code("judge_images"),
    shell:
        "python -m dfnas.stages.judge_images --teacher {input.teacher:q} --synthetic {input.synthetic:q}"
        " --original {input.original:q} --out {output.judgement:q} --history {output.history:q}"
        " {params.options} {params.machine} 2> {log:q}"
