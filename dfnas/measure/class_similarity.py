"""Whether soft labels mix the classes that the teacher holds to be alike.

A teacher scores class k with row w_k of its final layer; two classes are alike to it where their rows, centred over
the classes, point the same way. Recursive calibration should put that into the labels (paper, section 3).

Shapes: D features, K classes.
"""

import torch
from torch.nn import functional as F


def weight_similarity(weights: torch.Tensor) -> torch.Tensor:
    """Cosines between the rows of (K, D), centred over the rows: (K, K) float64."""
    weights = weights.detach().double().cpu()
    rows = F.normalize(weights - weights.mean(0), dim=1)
    return rows @ rows.T


def similarity_correlation(mean_labels: torch.Tensor, weights: torch.Tensor) -> float | None:
    """Pearson correlation, over all ordered pairs (c, k) of two classes, between the mean probability of k in the
    labels of images of class c and the cosine between rows c and k of the final layer.

    Args:
        mean_labels: (K, K) float64; a row of NaN for a class without images, which is left out.
        weights: (K, D) of the final layer.

    Returns:
        -1 to 1; None where it is not defined: one of the two is the same for all pairs (as with one-hot labels, or
        for two classes).
    """
    classes = len(mean_labels)
    pairs = ~torch.eye(classes, dtype=torch.bool) & mean_labels.isfinite()
    return pearson(mean_labels[pairs], weight_similarity(weights)[pairs])


def pearson(x: torch.Tensor, y: torch.Tensor) -> float | None:
    """Correlation of two float64 vectors (n,); None if one of them is constant, but for rounding."""
    if len(x) < 2 or _constant(x) or _constant(y):
        return None
    x, y = x - x.mean(), y - y.mean()
    return (x @ y / (x.norm() * y.norm())).item()


def _constant(values: torch.Tensor) -> bool:
    return (values.max() - values.min()).item() <= 1e-12 * values.abs().max().item()
