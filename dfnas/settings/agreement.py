"""Whether the sections of a configuration agree with each other.

Each check raises ValueError with what is wrong and what was expected.
"""

from typing import Any

from dfnas.settings.sections import Sections
from dfnas.settings.sources import NO_DATA, ORIGINAL, RESERVED, SYNTHETIC, SourceSettings, training_section


def data_are_known(config: Sections) -> None:
    if not config.comparison.retrain_data and config.lookup is None:
        raise ValueError(
            "comparison.retrain_data is empty, and there is no section lookup; expected data to train what is "
            "found on, or a table to look it up in"
        )
    for name in config.sources:
        if name in RESERVED:
            raise ValueError(f"sources.{name}: the name is taken; expected another than {', '.join(RESERVED)}")
    images = (ORIGINAL, *config.synthetic_data())
    named = [("comparison.search_data", name, (*images, *config.variants)) for name in config.comparison.search_data]
    named += [("comparison.proxies", name, (NO_DATA, *images)) for name in config.comparison.proxies]
    named += [("comparison.retrain_data", name, images) for name in config.comparison.retrain_data]
    named += [(f"variants.{name}.images", variant.images, images) for name, variant in config.variants.items()]
    for key, name, known in named:
        if name not in known:
            raise ValueError(f"{key} = {name!r}: no such data; expected {', '.join(known)}, or add it to sources")


def variants_are_of_searches(config: Sections) -> None:
    for name, variant in config.variants.items():
        if name in (*RESERVED, *config.sources):
            raise ValueError(f"variants.{name}: the name is taken, by {'a source' if name in config.sources else name}")
        for rule, section in variant.searches().items():
            base = config.searches()[rule]
            for key in ("space", "budget"):
                if getattr(section, key) != getattr(base, key):
                    raise ValueError(f"variants.{name}.{rule}.{key}: expected that of {rule}; leave it out")


def resources_are_of_rules(config: Sections) -> None:
    for name in config.resources:
        if name not in ("default", *config.rules):
            raise ValueError(f"resources.{name}: no such rule; expected 'default' or one of {', '.join(config.rules)}")
    shared = [name for name, rule in config.rules.items() if rule.shared]
    for name, said in config.resources.items():
        if said.gpu > 1 and name not in shared:
            raise ValueError(
                f"resources.{name}.gpu = {said.gpu}: expected 0 or 1; several GPUs share a job of {', '.join(shared)}"
            )


def gpus_share_the_batches(config: Sections) -> None:
    trainings = dict.fromkeys(map(training_section, config.comparison.retrain_data), "retrain")
    rules = [f"{kind}_{name}" for name in config.comparison.names for kind in ("supernet", "search")]
    known = [config.rules[rule] for rule in rules if rule in config.rules]
    shared = {rule.section or rule.name: rule.name for rule in known if rule.shared}
    for name, rule in {**trainings, **shared}.items():
        _check_shares(config, name, getattr(config, name), rule)
        for data, variant in config.variants.items():
            if name in variant.searches():
                _check_shares(config, f"variants.{data}.{name}", variant.searches()[name], rule)


def _check_shares(config: Sections, name: str, settings: Any, rule: str) -> None:
    """Raises ValueError where the jobs of a rule cannot share the batches of a section among their GPUs."""
    count = config.resources_of(rule)["gpu"]
    fewest = 2 * max(count, 1)
    if settings.teacher_statistics == "batch" and settings.batch_size < fewest:
        raise ValueError(
            f"{name}.teacher_statistics = batch needs a batch_size of at least {fewest}, not "
            f"{settings.batch_size}: one image has no statistics"
        )
    if count < 2:
        return
    if settings.batch_size % count:
        raise ValueError(
            f"{name}.batch_size ({settings.batch_size}) must be a multiple of resources.{rule}.gpu ({count}): "
            "every GPU takes an equal share of a batch"
        )
    if getattr(settings, "sync_batch_norm", False) and config.device == "cpu":
        raise ValueError(f"{name}.sync_batch_norm needs GPUs, and device is cpu; set it to false")
    if config.device.startswith("cuda:"):
        raise ValueError(
            f"device = {config.device} is one GPU, and resources.{rule}.gpu is {count}; expected auto, cuda or cpu"
        )


def originals_are_not_made(config: Sections) -> None:
    if config.retrain.fresh.every_epochs:
        raise ValueError(
            "retrain.fresh.every_epochs is about synthetic images, and section retrain about original ones; say it "
            "in retrain_synthetic"
        )
    sources = config.synthetic_data()
    starts = [
        name for name in config.comparison.retrain_data if name in sources and not sources[name].invert_teacher.stages
    ]
    if config.retrain_synthetic.fresh.every_epochs and starts:
        raise ValueError(
            f"retrain_synthetic.fresh.every_epochs makes images as those of '{starts[0]}' were made, which "
            "comparison.retrain_data names, and these took no step: its invert_teacher.stages is empty; leave one "
            "out"
        )


def networks_share_the_task(config: Sections) -> None:
    for role, section in config.networks().items():
        if section.weights is None:
            raise ValueError(f"{role}.weights is missing: expected the checkpoint of a pre-trained network")
        for name in ("classes", "channels", "size"):
            theirs, ours = getattr(section, name), getattr(config.teacher, name)
            if None not in (theirs, ours) and theirs != ours:
                raise ValueError(f"{role}.{name} ({theirs}) must be that of the teacher ({ours})")


def originals_are_there(config: Sections) -> None:
    if config.has_originals:
        return
    comparison = config.comparison
    named = [("search_data", data) for data in comparison.search_data if config.images_of(data) == ORIGINAL]
    named += [("retrain_data", data) for data in comparison.retrain_data if data == ORIGINAL]
    named += [("proxies", data) for data in comparison.proxies if data == ORIGINAL]
    named += [("judge_images", "true")] if comparison.judge_images else []
    advice = "describe the original images in shard_original"
    if named:
        key, value = named[0]
        raise ValueError(
            f"comparison.{key} = {value} needs original images, and shard_original.source is none; take "
            f"{'false' if key == 'judge_images' else 'synthetic'}, or {advice}"
        )
    if config.teacher.weights is None:
        raise ValueError(
            "teacher.weights is missing, and shard_original.source is none: there is nothing to train a stand-in on; "
            f"set teacher.weights, or {advice}"
        )


def originals_fit_the_teacher(config: Sections) -> None:
    # A teacher that is imported may do without originals, and the section then says nothing of it.
    channels = config.teacher.channels  # whatever is left out of the section, its weights say
    if config.teacher.weights is None and channels is not None and len(config.shard_original.mean) != channels:
        raise ValueError(
            f"shard_original.mean has {len(config.shard_original.mean)} channels, "
            f"expected those of the teacher ({channels})"
        )
    original = (len(config.shard_original.mean), config.shard_original.size)
    if config.comparison.judge_images and original != (config.teacher.channels, config.teacher.size):
        raise ValueError(
            "comparison.judge_images needs original test images that the teacher takes: shard_original has "
            f"{original[0]} channels of size {original[1]}, expected {config.teacher.channels} of {config.teacher.size}"
        )


def searches_fit_the_teacher(config: Sections) -> None:
    varied = [(f"variants.{name}.", variant.searches()) for name, variant in config.variants.items()]
    sections = [
        (place + name, section)
        for place, searches in [("", config.searches()), *varied]
        for name, section in searches.items()
    ]
    for name, section in sections:
        size = config.teacher.size or ()
        if any(side % section.downscale for side in size):
            raise ValueError(
                f"{name}.downscale ({section.downscale}) must divide teacher.size {' x '.join(map(str, size))}"
            )


def lookups_are_of_one_space(config: Sections) -> None:
    searches = [f"search_{name}" for name in config.comparison.names] if config.lookup else []
    spaces = {rule: config.searches()[rule].space for rule in searches}
    timed = any(budget.max_latency_ms for budget in config.comparison.budgets)
    for rule, space in spaces.items():
        first = searches[0]
        if space.name != spaces[first].name:
            raise ValueError(
                f"{rule}.space.name ({space.name}) must be that of {first} ({spaces[first].name}): section lookup "
                "compares searches of one space by one table"
            )
        if timed and space != spaces[first]:
            raise ValueError(
                f"{rule}.space.options must be those of {first}: comparison.budgets has max_latency_ms, and lookup "
                "compares by the latency table of one space"
            )


def syntheses_fit_the_teacher(config: Sections) -> None:
    for name, source in config.synthetic_data().items():
        _check_synthesis(config, "" if name == SYNTHETIC else f"sources.{name}.", source)


def _check_synthesis(config: Sections, place: str, source: SourceSettings) -> None:
    """Raises ValueError where a data set's sections do not agree with each other or with the teacher.

    Args:
        place: what to put before their names.
    """
    images, batch_size = source.synthesis.images, source.invert_teacher.batch_size
    if images % batch_size:
        raise ValueError(
            f"{place}synthesis.images ({images}) must be a multiple of {place}invert_teacher.batch_size ({batch_size})"
        )
    if source.synthesis.shards > images // batch_size:
        raise ValueError(
            f"{place}synthesis.shards ({source.synthesis.shards}) must not exceed the batches of a generation "
            f"({images // batch_size}: {place}synthesis.images by {place}invert_teacher.batch_size)"
        )
    classes = config.teacher.classes  # None where they are left to published weights
    if classes is not None and images < classes:
        raise ValueError(
            f"{place}synthesis.images ({images}) must not be below teacher.classes ({classes}): "
            "every class needs an image"
        )
    generations = source.synthesis.generations
    if classes is not None and generations * (images // classes) < 2:
        raise ValueError(
            f"{place}synthesis.generations ({generations}) of {place}synthesis.images ({images}) make one image of "
            f"some of the teacher.classes ({classes}), expected two or more: one to train on, one to choose by; raise "
            "either (dfnas try makes a few images alone)"
        )
    inversion = source.invert_teacher
    if inversion.competition_weight and config.competitor is None:
        raise ValueError(f"{place}invert_teacher.competition_weight is above 0, but there is no section 'competitor'")
    if inversion.targets == "one_class" and classes is not None and (images // batch_size) % classes:
        raise ValueError(
            f"{place}invert_teacher.targets = one_class needs equally many batches of every class: "
            f"{place}synthesis.images ({images}) must be a multiple of {classes * batch_size}"
        )
    for stage in inversion.stages:
        size = config.teacher.size or ()
        if any(side % stage.downscale for side in size):
            raise ValueError(
                f"{place}invert_teacher.stages: downscale {stage.downscale} must divide teacher.size "
                f"{' x '.join(map(str, size))}"
            )


CHECKS = (
    data_are_known,
    variants_are_of_searches,
    resources_are_of_rules,
    gpus_share_the_batches,
    originals_are_not_made,
    networks_share_the_task,
    originals_are_there,
    originals_fit_the_teacher,
    searches_fit_the_teacher,
    lookups_are_of_one_space,
    syntheses_fit_the_teacher,
)
"""All of them, in the order in which they speak."""
