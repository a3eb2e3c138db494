# The searches: each algorithm on each data set, with each seed.


rule search_darts:
    input:
        dataset=f"{plan.results}/dataset/{{search_data}}.h5",
        shards=plan.searched_images,
    output:
        architecture=f"{plan.results}/search/darts/{{search_data}}/seed-{{seed}}/architecture.json",
        history=f"{plan.results}/search/darts/{{search_data}}/seed-{{seed}}/history.csv",
        supernet=f"{plan.results}/search/darts/{{search_data}}/seed-{{seed}}/supernet.pt",
        strengths=f"{plan.results}/search/darts/{{search_data}}/seed-{{seed}}/strengths.json",
        candidates=f"{plan.results}/search/darts/{{search_data}}/seed-{{seed}}/candidates.csv",
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
        machine=plan.machine("search_darts"),
        code=plan.code["search_darts"],
    shell:
        "python -m dfnas.stages.search_darts --dataset {input.dataset:q} --search-data {wildcards.search_data}"
        " --seed {wildcards.seed} --out {output.architecture:q} --history {output.history:q}"
        " --supernet {output.supernet:q} --strengths {output.strengths:q} --candidates {output.candidates:q}"
        " --timing {output.timing:q} {params.options} {params.machine} 2> {log:q}"


rule search_proxyless:
    input:
        dataset=f"{plan.results}/dataset/{{search_data}}.h5",
        shards=plan.searched_images,
    output:
        architecture=f"{plan.results}/search/proxyless/{{search_data}}/seed-{{seed}}/architecture.json",
        history=f"{plan.results}/search/proxyless/{{search_data}}/seed-{{seed}}/history.csv",
        supernet=f"{plan.results}/search/proxyless/{{search_data}}/seed-{{seed}}/supernet.pt",
        strengths=f"{plan.results}/search/proxyless/{{search_data}}/seed-{{seed}}/strengths.json",
        candidates=f"{plan.results}/search/proxyless/{{search_data}}/seed-{{seed}}/candidates.csv",
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
        machine=plan.machine("search_proxyless"),
        code=plan.code["search_proxyless"],
    shell:
        "python -m dfnas.stages.search_proxyless --dataset {input.dataset:q} --search-data {wildcards.search_data}"
        " --seed {wildcards.seed} --out {output.architecture:q} --history {output.history:q}"
        " --supernet {output.supernet:q} --strengths {output.strengths:q} --candidates {output.candidates:q}"
        " --timing {output.timing:q} {params.options} {params.machine} 2> {log:q}"


rule search_spos:
    input:
        dataset=f"{plan.results}/dataset/{{search_data}}.h5",
        shards=plan.searched_images,
    output:
        architecture=f"{plan.results}/search/spos/{{search_data}}/seed-{{seed}}/architecture.json",
        history=f"{plan.results}/search/spos/{{search_data}}/seed-{{seed}}/history.csv",
        supernet=f"{plan.results}/search/spos/{{search_data}}/seed-{{seed}}/supernet.pt",
        strengths=f"{plan.results}/search/spos/{{search_data}}/seed-{{seed}}/strengths.json",
        candidates=f"{plan.results}/search/spos/{{search_data}}/seed-{{seed}}/candidates.csv",
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
        machine=plan.machine("search_spos"),
        code=plan.code["search_spos"],
    shell:
        "python -m dfnas.stages.search_spos --dataset {input.dataset:q} --search-data {wildcards.search_data}"
        " --seed {wildcards.seed} --out {output.architecture:q} --history {output.history:q}"
        " --supernet {output.supernet:q} --strengths {output.strengths:q} --candidates {output.candidates:q}"
        " --timing {output.timing:q} {params.options} {params.machine} 2> {log:q}"


rule search_random:
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
        task=plan.task(),
        machine=plan.machine("search_random"),
        code=plan.code["search_random"],
    shell:
        "python -m dfnas.stages.search_random {params.task} --seed {wildcards.seed} --out {output:q}"
        " {params.options} {params.machine} 2> {log:q}"
