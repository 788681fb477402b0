"""The equation that bargaining and fairness lead to."""

import numpy as np

from mtl.learning.weighting.tools.quadratic import Matrix, Vector


def fair_weights(gramian: Matrix, shares: Vector, alpha: float) -> Vector:
    """The a > 0 with (gramian · a)_i = (shares_i / a_i) ** (1 / alpha).

    Written for gradients of length 1, it is where a convex function is least, so that Newton steps
    find it, shortened while they overshoot.

    Args:
        gramian: (m, m) positive semi-definite with a positive diagonal. Cosines are taken a
            millionth smaller, without which opposite gradients have no finite answer.
        shares: (m,) positive.
        alpha: positive.
    """
    power = 1 / alpha
    lengths = np.sqrt(gramian.diagonal())
    cosines = gramian / np.outer(lengths, lengths) + 1e-6 * np.eye(len(gramian))
    scaled = shares * lengths ** (1 - alpha)
    size = float(scaled.mean())
    found = _solve(cosines, scaled / size, power) * size ** (power / (1 + power))
    weights: Vector = found / lengths
    return weights


def _solve(cosines: Matrix, shares: Vector, power: float) -> Vector:
    """The b > 0 with (cosines · b)_i = (shares_i / b_i) ** power."""
    # Alone, each would get this much.
    found: Vector = shares ** (power / (1 + power))

    def slope(b: Vector) -> Vector:
        error: Vector = cosines @ b - (shares / b) ** power
        return error

    for _ in range(200):
        error = slope(found)
        if float(np.abs(error * found).max()) < 1e-12:
            break
        pull = power * (shares / found) ** power / found
        step = np.linalg.solve(cosines + np.diag(pull), -error)
        length = 1.0
        shrinking = step < 0
        if shrinking.any():
            length = min(1.0, 0.9 * float((-found[shrinking] / step[shrinking]).min()))
        # Along the step a convex function's slope grows: shorten until it has not turned far up.
        while length > 1e-12 and slope(found + length * step) @ step > 0.5 * abs(error @ step):
            length /= 2
        found = found + length * step
    return found
