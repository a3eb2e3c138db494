"""What a project says of itself: the head of its configuration, and its README."""

import shlex
from pathlib import Path

from dfnas.project.draft import Draft


def head(folder: Path, call: str) -> str:
    """The comment above a configuration."""
    return (
        f"# Written by {call}.\n"
        "# It is laid over the config.yaml of dfnas and says everything that concerns images of this size. Every key\n"
        "# is explained in docs/configuration.md; change what you like, only what follows from it runs again.\n"
        f"# Relative paths are seen from the folder in which commands are called: that of `dfnas init {folder}`.\n"
    )


def readme(folder: Path, draft: Draft, story: str) -> str:
    """Three commands, and what they leave."""
    config = shlex.quote(f"{folder}/config.yaml")
    place = Path.cwd().resolve()
    name = draft.said("comparison", "algorithms")[0]
    spec = draft.classifier.teacher.spec
    sides = " x ".join(map(str, spec.size))
    return f"""# {folder.name}

A student without data for `{spec.builder}` ({spec.classes} classes, images of {sides} pixels): {story}.

Call these in `{place}`, in the environment of dfnas:

    dfnas try {config}
    dfnas doctor deploy --configfile {config}
    dfnas run --configfile {config}

1. `try` makes 16 images and says in words whether the classifier sees in them what it should. With an image of yours,
   `dfnas try {config} --image photo.jpg`, it also says which normalisation suits it.
2. `doctor` says whether this machine can do the rest, and how long it takes.
3. `run` calls Snakemake, shows what is under way, and goes on where it was if it is interrupted. It leaves
   `{draft.results}/deploy/{name}/model.onnx`, and on the way `{draft.results}/pictures/synthetic/images.png`, to
   look at.

Sizes and all else are in `config.yaml`. More images and more steps make better students: `synthesis.images`,
`invert_teacher.stages`, `retrain.epochs`.
"""
