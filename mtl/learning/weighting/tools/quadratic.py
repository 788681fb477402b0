"""Small quadratic programs over the simplex."""

import numpy as np
import numpy.typing as npt
import quadprog

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


def on_simplex(matrix: Matrix, linear: Vector) -> Vector:
    """The w ≥ 0 with sum 1 that minimises wᵀ·matrix·w / 2 + linearᵀ·w.

    Args:
        matrix: (m, m) symmetric, positive semi-definite; a billionth of its mean diagonal is added
            to the diagonal, without which copies of a row have no single answer.
        linear: (m,).
    """
    count = len(linear)
    ridge = 1e-9 * matrix.diagonal().mean() * np.eye(count)
    constraints = np.hstack([np.ones((count, 1)), np.eye(count)])
    bounds = np.concatenate([[1.0], np.zeros(count)])
    found: Vector = quadprog.solve_qp(matrix + ridge, -linear, constraints, bounds, 1)[0]
    found = np.clip(found, 0, None)
    found /= found.sum()
    return found
