# The searches: each algorithm on each data set, with each seed. That their spaces can be made is seen before all else.


rule check_spaces:
    output:
        f"{plan.results}/spaces/{{algorithm}}.json",
    log:
        f"{plan.results}/logs/check_spaces/{{algorithm}}.log",
    benchmark:
        f"{plan.results}/benchmarks/check_spaces/{{algorithm}}.tsv"
    priority: 100
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("check_spaces")
    resources:
        **plan.resources("check_spaces"),
    params:
        search=plan.searched_space,
        task=plan.task(),
        machine=plan.machine("check_spaces"),
        code=plan.code("check_spaces"),
    shell:
        "python -m dfnas.stages.check_spaces --searches {params.search:q} {params.task} --out {output:q}"
        " {params.machine} 2> {log:q}"


for algorithm in plan.algorithms_with_supernet:

    rule:
        name:
            f"supernet_{algorithm}"
        input:
            dataset=plan.searched_dataset,
            shards=plan.searched_images,
            teacher=plan.supernet_teacher(algorithm),
            latency=plan.latency_of_supernet(algorithm),
            # Not what `check_spaces` says: another budget is checked anew, and would train it anew.
        output:
            out=f"{plan.results}/supernet/{algorithm}/{{search_data}}/seed-{{seed}}/supernet.pt",
            timing=f"{plan.results}/supernet/{algorithm}/{{search_data}}/seed-{{seed}}/timing.json",
        log:
            f"{plan.results}/logs/supernet_{algorithm}/{{search_data}}/seed-{{seed}}.log",
        benchmark:
            f"{plan.results}/benchmarks/supernet_{algorithm}/{{search_data}}/seed-{{seed}}.tsv"
        conda:
            "../../envs/dfnas.yaml"
        threads: plan.threads(f"supernet_{algorithm}") * plan.processes(f"supernet_{algorithm}")
        resources:
            **plan.resources(f"supernet_{algorithm}"),
        params:
            launcher=plan.launcher(f"supernet_{algorithm}"),
            algorithm=algorithm,
            files=plan.output_options,
            beside=plan.input_options("teacher", "latency"),
            options=plan.options(f"supernet_{algorithm}"),
            machine=plan.machine(f"supernet_{algorithm}"),
            code=plan.code(f"supernet_{algorithm}"),
        shell:
            "{params.launcher} -m dfnas.stages.supernet {params.algorithm} --dataset {input.dataset:q} --search-data {wildcards.search_data}"
            " {params.beside} --seed {wildcards.seed} {params.files} {params.options} {params.machine} 2> {log:q}"


for algorithm in plan.algorithms_on_data:

    rule:
        name:
            f"search_{algorithm}"
        input:
            unpack(plan.inputs_of_search(algorithm)),
            space=f"{plan.results}/spaces/{algorithm}.json",
        output:
            **plan.search_files(algorithm),
        log:
            f"{plan.results}/logs/search_{algorithm}/{{search_data}}/seed-{{seed}}.log",
        benchmark:
            f"{plan.results}/benchmarks/search_{algorithm}/{{search_data}}/seed-{{seed}}.tsv"
        conda:
            "../../envs/dfnas.yaml"
        threads: plan.threads(f"search_{algorithm}") * plan.processes(f"search_{algorithm}")
        resources:
            **plan.resources(f"search_{algorithm}"),
        params:
            launcher=plan.launcher(f"search_{algorithm}"),
            algorithm=plan.algorithms.get(algorithm, algorithm),
            files=plan.output_options,
            beside=plan.input_options("dataset", "supernet", "teacher", "latency"),
            options=plan.options_of_search(algorithm),
            machine=plan.machine(f"search_{algorithm}"),
            code=plan.code(f"search_{algorithm}"),
        shell:
            "{params.launcher} -m dfnas.stages.search {params.algorithm:q} --search-data {wildcards.search_data}"
            " {params.beside} --seed {wildcards.seed} {params.files} {params.options} {params.machine} 2> {log:q}"


rule within_budgets:
    input:
        unpack(plan.inputs_of_search()),
        space=f"{plan.results}/spaces/{{algorithm}}.json",
    output:
        f"{plan.results}/search/{{algorithm}}/{{search_data}}/seed-{{seed}}/budgets.csv",
    log:
        f"{plan.results}/logs/within_budgets/{{algorithm}}/{{search_data}}/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/within_budgets/{{algorithm}}/{{search_data}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("within_budgets")
    resources:
        **plan.resources("within_budgets"),
    params:
        algorithm=lambda wildcards: plan.algorithms.get(wildcards.algorithm, wildcards.algorithm),
        beside=plan.input_options("dataset", "supernet", "teacher", "latency"),
        budgets=plan.budgets(),
        options=plan.options_of_search(),
        machine=plan.machine("within_budgets"),
        code=plan.code("within_budgets"),
    shell:
        "python -m dfnas.stages.within_budgets {params.algorithm:q} --search-data {wildcards.search_data}"
        " {params.beside} --seed {wildcards.seed} --out {output:q} --budgets {params.budgets:q} {params.options}"
        " {params.machine} 2> {log:q}"


for baseline in plan.algorithms_without_data:

    rule:
        name:
            f"search_{baseline}"
        input:
            latency=plan.latency_table(f"search_{baseline}"),
            space=f"{plan.results}/spaces/{baseline}.json",
        output:
            f"{plan.results}/search/{baseline}/none/seed-{{seed}}/architecture.json",
        log:
            f"{plan.results}/logs/search_{baseline}/seed-{{seed}}.log",
        benchmark:
            f"{plan.results}/benchmarks/search_{baseline}/seed-{{seed}}.tsv"
        conda:
            "../../envs/dfnas.yaml"
        threads: plan.threads(f"search_{baseline}")
        resources:
            **plan.resources(f"search_{baseline}"),
        params:
            algorithm=baseline,
            latency=plan.input_options("latency"),
            options=plan.options(f"search_{baseline}"),
            task=plan.task(),
            machine=plan.machine(f"search_{baseline}"),
            code=plan.code(f"search_{baseline}"),
        shell:
            "python -m dfnas.stages.search {params.algorithm:q} {params.task} --seed {wildcards.seed} --out {output:q}"
            " {params.latency} {params.options} {params.machine} 2> {log:q}"


rule measure_options:
    output:
        f"{plan.results}/latency_tables/{{space}}.json",
    log:
        f"{plan.results}/logs/measure_options/{{space}}.log",
    benchmark:
        f"{plan.results}/benchmarks/measure_options/{{space}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    # All cores that there are, so that nothing else runs on this machine meanwhile; the timed passes use --threads.
    threads: 1024
    resources:
        **plan.resources("measure_options"),
    params:
        space=plan.timed_space,
        task=plan.task(),
        options=plan.options("measure_options"),
        machine=plan.machine("measure_options"),
        code=plan.code("measure_options"),
    shell:
        "python -m dfnas.stages.measure_options {params.space} {params.task} --out {output:q}"
        " {params.options} {params.machine} 2> {log:q}"
