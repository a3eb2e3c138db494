# The teacher: the user's checkpoint, or a stand-in where there is none; and the networks beside it.

if plan.config.teacher.weights is None:

    rule pretrain_teacher:
        input:
            dataset=f"{plan.results}/dataset/original.h5",
            shards=expand(f"{plan.results}/dataset/original/shard-{{shard}}.h5", shard=plan.original_shards),
        output:
            teacher=f"{plan.results}/teacher/teacher.pt",
            history=f"{plan.results}/teacher/history.csv",
        log:
            f"{plan.results}/logs/pretrain_teacher.log",
        benchmark:
            f"{plan.results}/benchmarks/pretrain_teacher.tsv"
        conda:
            "../../envs/dfnas.yaml"
        threads: plan.threads("pretrain_teacher")
        resources:
            **plan.resources("pretrain_teacher"),
        params:
            options=plan.options("pretrain_teacher"),
            teacher=plan.teacher(),
            machine=plan.machine("pretrain_teacher"),
            code=plan.code("pretrain_teacher"),
        shell:
            "python -m dfnas.stages.pretrain_teacher --dataset {input.dataset:q} --teacher {params.teacher:q}"
            " --out {output.teacher:q} --history {output.history:q} {params.options} {params.machine} 2> {log:q}"

else:

    rule import_teacher:
        input:
            local(plan.weights["teacher"]),
        output:
            f"{plan.results}/teacher/teacher.pt",
        log:
            f"{plan.results}/logs/import_teacher.log",
        benchmark:
            f"{plan.results}/benchmarks/import_teacher.tsv"
        conda:
            "../../envs/dfnas.yaml"
        threads: plan.threads("import_teacher")
        resources:
            **plan.resources("import_teacher"),
        params:
            options=plan.options("import_teacher"),
            machine=plan.machine("import_teacher"),
            code=plan.code("import_teacher"),
        shell:
            "python -m dfnas.stages.import_teacher --out {output:q} {params.options} {params.machine} 2> {log:q}"


if plan.config.networks():

    rule import_network:
        input:
            plan.imported_weights,
        output:
            f"{plan.results}/networks/{{role}}.pt",
        log:
            f"{plan.results}/logs/import_network/{{role}}.log",
        benchmark:
            f"{plan.results}/benchmarks/import_network/{{role}}.tsv"
        conda:
            "../../envs/dfnas.yaml"
        threads: plan.threads("import_network")
        resources:
            **plan.resources("import_network"),
        params:
            options=plan.options("import_network"),
            machine=plan.machine("import_network"),
            code=plan.code("import_network"),
        shell:
            "python -m dfnas.stages.import_teacher --section {wildcards.role} --out {output:q} {params.options}"
            " {params.machine} 2> {log:q}"
