"""Published ways to train a network, as values of a section: what they say themselves can be said differently beside
them.

`darts_cifar`      Liu et al. 2019 (DARTS), section 3.2 and appendix A.2; quark0/darts, cnn/train.py.
`mobile_imagenet`  Cai et al. 2019 (ProxylessNAS), mit-han-lab/proxylessnas: 300 epochs, batch 256, 0.05 cosine,
                   Nesterov, decay 4e-5 but not of norms and biases, label smoothing 0.1, random resized crops and
                   the "strong" colour jitter (training/main.py); with the five epochs of warm-up of Goyal et al. 2017,
                   section 2.2. SinglePathOneShot trains with `batch_size: 1024, lr: 0.5, schedule: linear, nesterov:
                   false, warmup_epochs: 0, epochs: 240, augmentation: {jitter: {hue: 0}}`, and the rest alike.
`quick`            Jordan 2024 ("94 % on CIFAR-10 in 3.29 seconds on a single GPU"), KellerJordan/cifar10-airbench,
                   legacy/airbench94.py, whose figures are decoupled from each other: lr 11.5 and decay 0.0153 per 1024
                   images, momentum 0.85. Divided by 1 + 1 / (1 - 0.85), with a loss that is a mean and not a sum, 11.5
                   is an lr of 1.5 at batch 1024; the decay in terms of it is 0.0153 / 11.5 at any batch. Left out is
                   what belongs to that network: the whitening first layer, BatchNorm biases at 64 times the learning
                   rate and scales that do not learn, the scaled head.
"""

from collections.abc import Mapping
from typing import Any, Literal

Recipe = Literal["darts_cifar", "mobile_imagenet", "quick"]

RECIPES: dict[str, dict[str, Any]] = {
    "darts_cifar": {
        "epochs": 600,
        "batch_size": 96,
        "lr": 0.025,
        "schedule": "cosine",
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 3e-4,
        "clip_norm": 5.0,
        "auxiliary_weight": 0.4,
        "drop_path": 0.2,
        "augmentation": {"pad": 4, "padding": "zeros", "flip": True, "cutout": 16},
    },
    "mobile_imagenet": {
        "epochs": 300,
        "batch_size": 256,
        "lr": 0.05,
        "schedule": "cosine",
        "warmup_epochs": 5,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 4e-5,
        "decay_norms_and_biases": False,
        "clip_norm": 0.0,
        "label_smoothing": 0.1,
        "auxiliary_weight": 0.0,
        "drop_path": 0.0,
        "augmentation": {
            "pad": 0,
            "crop_area": [0.08, 1.0],
            "crop_aspect": [3 / 4, 4 / 3],
            "jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
            "flip": True,
            "cutout": 0,
        },
    },
    "quick": {
        "epochs": 10,
        "batch_size": 1024,
        "lr": 1.5,
        "lr_batch_size": 1024,
        "schedule": "one_cycle",
        "one_cycle": {"peak": 0.23, "start": 0.2, "end": 0.07},
        "momentum": 0.85,
        "nesterov": True,
        "weight_decay": 0.0153 / 11.5,
        "clip_norm": 0.0,
        "label_smoothing": 0.2,
        "auxiliary_weight": 0.0,
        "drop_path": 0.0,
        "precision": "bfloat16",
        "averaging": {"kind": "lookahead", "every": 5, "decay": 0.95**5, "rise": 3.0},
        "augmentation": {"pad": 2, "padding": "reflect", "flip": "alternating", "cutout": 0},
    },
}


def with_recipe(values: Any) -> Any:
    """A section's values, laid over those of the recipe that they name, key by key; whatever is no section, or names no
    recipe there is, is left to the check of types."""
    name = values.get("recipe") if isinstance(values, Mapping) else None
    if not isinstance(name, str) or name not in RECIPES:
        return values
    recipe = RECIPES[name]
    both = {
        key: {**recipe[key], **value}
        for key, value in values.items()
        if isinstance(recipe.get(key), Mapping) and isinstance(value, Mapping)
    }
    return {**recipe, **values, **both}
