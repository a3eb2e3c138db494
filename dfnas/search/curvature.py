"""The dominant eigenvalue of the Hessian of a loss with respect to a few leaves, without the Hessian.

The method of Lanczos with full reorthogonalisation (Golub and Van Loan 2013, section 10.1), on products of the Hessian
with a vector by central differences of the gradient. These need no memory beyond that of the gradient, and no
second derivative of any layer; RobustDARTS (Zela et al. 2020) builds the whole matrix row by row by double
backward instead, one backward pass through a graph of twice the size for each of its rows.

Shapes: n entries of all leaves together.
"""

from collections.abc import Callable, Iterable, Sequence

import torch

from dfnas.runtime.transfers import sent

RADIUS = 1e-2  # by which the leaves move: float32 loses by cancellation what a smaller one gains
TOLERANCE = 1e-4  # of the residual, relative to the largest eigenvalue in magnitude

Gradient = Callable[[], Iterable[torch.Tensor]]


def dominant_eigenvalue(
    gradient: Gradient, leaves: Sequence[torch.Tensor], start: torch.Tensor, iterations: int
) -> float:
    """The largest eigenvalue of the Hessian at the present values of the leaves, which are put back exactly.

    Args:
        gradient: of the loss, a tensor for each leaf, at the values that the leaves have when it is called. It must
            be a function of them alone: the same images, the same dropout.
        start: (n,) float64, any vector that is not orthogonal to the eigenvector, such as a random one.
        iterations: bound on the products, of two gradients each. Fewer are needed if the estimate settles.
    """

    def product(vector: torch.Tensor) -> torch.Tensor:
        return hessian_vector_product(gradient, leaves, vector)

    return lanczos(product, start, iterations)


def hessian_vector_product(gradient: Gradient, leaves: Sequence[torch.Tensor], vector: torch.Tensor) -> torch.Tensor:
    """H v by (g(x + r v) - g(x - r v)) / 2r, (n,) float64 on the CPU.

    Args:
        vector: (n,) float64 of norm 1.
    """
    before = [leaf.detach().clone() for leaf in leaves]
    on_device = sent(vector.to(leaves[0].dtype), leaves[0].device)
    directions = on_device.split([leaf.numel() for leaf in leaves])
    sides = []
    for radius in (RADIUS, -RADIUS):
        with torch.no_grad():
            for leaf, value, direction in zip(leaves, before, directions, strict=True):
                leaf.copy_(value + radius * direction.view_as(leaf))
        sides.append(torch.cat([one.detach().flatten() for one in gradient()]).double().cpu())
    with torch.no_grad():
        for leaf, value in zip(leaves, before, strict=True):
            leaf.copy_(value)
    return (sides[0] - sides[1]) / (2 * RADIUS)


def lanczos(product: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor, iterations: int) -> float:
    """The largest (not the largest in magnitude) eigenvalue of a symmetric matrix.

    Args:
        product: the matrix times a vector (n,) float64.
        start: (n,) float64.
        iterations: bound on the products; after n the eigenvalue is exact.
    """
    basis = [start / start.norm()]
    diagonal: list[torch.Tensor] = []
    beside: list[torch.Tensor] = []
    largest = 0.0
    for _ in range(min(iterations, len(start))):
        image = product(basis[-1])
        diagonal.append(basis[-1] @ image)
        for _ in range(2):  # once leaves rounding errors behind that grow into copies of eigenvalues
            for vector in basis:
                image = image - (vector @ image) * vector
        rest = image.norm()
        tridiagonal = torch.diag(torch.stack(diagonal))
        if beside:
            tridiagonal += torch.diag(torch.stack(beside), 1) + torch.diag(torch.stack(beside), -1)
        values, vectors = torch.linalg.eigh(tridiagonal)
        largest = values[-1].item()
        # The distance to the nearest eigenvalue is at most the residual, |rest · last entry of the eigenvector|.
        if rest * vectors[-1, -1].abs() <= TOLERANCE * values.abs().max():
            break
        basis.append(image / rest)
        beside.append(rest)
    return largest
