"""Whether a classifier is as sure as it is right: calibration error, likelihood, and temperature scaling.

Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern Neural Networks": equations 3 and 9.

Shapes: N images, K classes, M bins.
"""

import torch

BINS = 15
"""M of the publication's tables."""
TEMPERATURES = (0.05, 20.0)
"""The range of a fitted temperature. Where no held-out image is wrong, likelihood rises for ever as T falls: there is
no best one, and the figure is the lower end."""
HALVINGS = 60
"""Of that range: what is left of it is below the resolution of float64."""


def confidences(logits: torch.Tensor) -> torch.Tensor:
    """Probability of the most probable class of each row of logits (N, K): (N,) float64."""
    return logits.double().softmax(1).amax(1)


def calibration_error(confidence: torch.Tensor, correct: torch.Tensor, bins: int = BINS) -> float:
    """Expected calibration error, in [0, 1]: Σ_m |B_m| / N · |accuracy(B_m) - confidence(B_m)|, where bin m has the
    images with a confidence in ((m - 1) / M, m / M].

    Args:
        confidence: (N,), in [0, 1].
        correct: bool (N,), whether the most probable class is the image's.
    """
    confidence, correct = confidence.double().cpu(), correct.double().cpu()  # sums of a GPU have no fixed order
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    gaps = torch.zeros(bins, dtype=torch.float64)
    gaps.index_add_(0, torch.bucketize(confidence, edges), correct - confidence)  # |B_m| (accuracy - confidence)
    return gaps.abs().sum().item() / len(confidence)


def negative_log_likelihood(logits: torch.Tensor, labels: torch.Tensor, temperature: float = 1.0) -> float:
    """Mean cross-entropy of softmax(logits / T), logits (N, K), to labels (N, K), in nats; for one-hot labels the mean
    of -log p(class)."""
    return -(labels.double() * (logits.double() / temperature).log_softmax(1)).sum(1).mean().item()


def fitted_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The T in TEMPERATURES that minimises `negative_log_likelihood` on held-out images.

    In β = 1 / T that is convex, with the derivative mean(Σ_k p_k z_k - Σ_k y_k z_k) for logits z, labels y and
    p = softmax(β z). So the minimum is where a rising function of one number changes its sign, or at an end if it does
    not: halving finds it whatever the logits, where a step by gradient or curvature runs away from separable ones.

    Args:
        logits: (N, K).
        labels: (N, K), rows sum to 1.
    """
    logits, labels = logits.double(), labels.double()
    aim = (labels * logits).sum(1).mean()

    def rises(temperature: float) -> bool:
        """Whether the loss rises with β from here on."""
        return bool(((logits / temperature).softmax(1) * logits).sum(1).mean() > aim)

    low, high = TEMPERATURES
    if not rises(low):
        return low
    if rises(high):
        return high
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if rises(middle) else (low, middle)
    return high
