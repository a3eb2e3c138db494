# The searches: each algorithm on each data set, with each seed.


rule search_darts:
    input:
        dataset=f"{plan.results}/dataset/{{search_data}}.h5",
        shards=plan.searched_images,
        latency=plan.latency_table("search_darts"),
    output:
        architecture=f"{plan.results}/search/darts/{{search_data}}/seed-{{seed}}/architecture.json",
        history=f"{plan.results}/search/darts/{{search_data}}/seed-{{seed}}/history.csv",
        supernet=f"{plan.results}/search/darts/{{search_data}}/seed-{{seed}}/supernet.pt",
        timing=f"{plan.results}/search/darts/{{search_data}}/seed-{{seed}}/timing.json",
    log:
        f"{plan.results}/logs/search_darts/{{search_data}}/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/search_darts/{{search_data}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("search_darts")
    resources:
        **plan.resources("search_darts"),
    params:
        options=plan.options("search_darts"),
        latency=plan.latency_option("search_darts"),
        machine=plan.machine("search_darts"),
        code=plan.code["search_darts"],
    shell:
        "python -m dfnas.stages.search_darts --dataset {input.dataset:q} --search-data {wildcards.search_data}"
        " --seed {wildcards.seed} --out {output.architecture:q} --history {output.history:q}"
        " --supernet {output.supernet:q} --timing {output.timing:q} {params.latency}"
        " {params.options} {params.machine} 2> {log:q}"


rule search_proxyless:
    input:
        dataset=f"{plan.results}/dataset/{{search_data}}.h5",
        shards=plan.searched_images,
        latency=plan.latency_table("search_proxyless"),
    output:
        architecture=f"{plan.results}/search/proxyless/{{search_data}}/seed-{{seed}}/architecture.json",
        history=f"{plan.results}/search/proxyless/{{search_data}}/seed-{{seed}}/history.csv",
        supernet=f"{plan.results}/search/proxyless/{{search_data}}/seed-{{seed}}/supernet.pt",
        timing=f"{plan.results}/search/proxyless/{{search_data}}/seed-{{seed}}/timing.json",
    log:
        f"{plan.results}/logs/search_proxyless/{{search_data}}/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/search_proxyless/{{search_data}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("search_proxyless")
    resources:
        **plan.resources("search_proxyless"),
    params:
        options=plan.options("search_proxyless"),
        latency=plan.latency_option("search_proxyless"),
        machine=plan.machine("search_proxyless"),
        code=plan.code["search_proxyless"],
    shell:
        "python -m dfnas.stages.search_proxyless --dataset {input.dataset:q} --search-data {wildcards.search_data}"
        " --seed {wildcards.seed} --out {output.architecture:q} --history {output.history:q}"
        " --supernet {output.supernet:q} --timing {output.timing:q} {params.latency}"
        " {params.options} {params.machine} 2> {log:q}"


rule search_spos:
    input:
        dataset=f"{plan.results}/dataset/{{search_data}}.h5",
        shards=plan.searched_images,
        latency=plan.latency_table("search_spos"),
    output:
        architecture=f"{plan.results}/search/spos/{{search_data}}/seed-{{seed}}/architecture.json",
        history=f"{plan.results}/search/spos/{{search_data}}/seed-{{seed}}/history.csv",
        supernet=f"{plan.results}/search/spos/{{search_data}}/seed-{{seed}}/supernet.pt",
        timing=f"{plan.results}/search/spos/{{search_data}}/seed-{{seed}}/timing.json",
    log:
        f"{plan.results}/logs/search_spos/{{search_data}}/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/search_spos/{{search_data}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("search_spos")
    resources:
        **plan.resources("search_spos"),
    params:
        options=plan.options("search_spos"),
        latency=plan.latency_option("search_spos"),
        machine=plan.machine("search_spos"),
        code=plan.code["search_spos"],
    shell:
        "python -m dfnas.stages.search_spos --dataset {input.dataset:q} --search-data {wildcards.search_data}"
        " --seed {wildcards.seed} --out {output.architecture:q} --history {output.history:q}"
        " --supernet {output.supernet:q} --timing {output.timing:q} {params.latency}"
        " {params.options} {params.machine} 2> {log:q}"


rule search_random:
    input:
        latency=plan.latency_table("search_random"),
    output:
        f"{plan.results}/search/random/none/seed-{{seed}}/architecture.json",
    log:
        f"{plan.results}/logs/search_random/seed-{{seed}}.log",
    benchmark:
        f"{plan.results}/benchmarks/search_random/seed-{{seed}}.tsv"
    conda:
        "../../envs/dfnas.yaml"
    threads: plan.threads("search_random")
    resources:
        **plan.resources("search_random"),
    params:
        options=plan.options("search_random"),
        latency=plan.latency_option("search_random"),
        task=plan.task(),
        machine=plan.machine("search_random"),
        code=plan.code["search_random"],
    shell:
        "python -m dfnas.stages.search_random {params.task} --seed {wildcards.seed} --out {output:q}"
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
        code=plan.timed_code,
    shell:
        "python -m dfnas.stages.measure_options {params.space} {params.task} --out {output:q}"
        " {params.options} {params.machine} 2> {log:q}"
