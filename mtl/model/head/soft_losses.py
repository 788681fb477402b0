"""How far a student's logits are from its teacher's, for the heads' ``distillation``.

Kullback-Leibler divergences KL(teacher || student) of what both say at a temperature T, times T²,
so that gradients keep their size whatever T is (Hinton, Vinyals and Dean, Distilling the knowledge
in a neural network, 2015). They are 0, with a gradient of 0, where both say the same.
"""

from torch import Tensor
from torch.nn import functional as F


def softened_divergence(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Of probabilities that sum to 1 over classes.

    Args:
        logits: (n, C, ...) of the student.
        taught: (n, C, ...) of the teacher.
        temperature: T, greater than 0.

    Returns:
        (n, ...), nats times T², at least 0.
    """
    own, wanted = ((both / temperature).log_softmax(1) for both in (logits, taught))
    return (wanted.exp() * (wanted - own)).sum(1) * temperature**2


def binary_divergence(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Of probabilities that stand each by themselves.

    Args:
        logits: of the student, of any shape.
        taught: of the teacher, of the same.
        temperature: T, greater than 0.

    Returns:
        Of the same shape, nats times T², at least 0.
    """
    own, wanted = logits / temperature, taught / temperature
    yes = wanted.sigmoid() * (F.logsigmoid(wanted) - F.logsigmoid(own))
    no = (-wanted).sigmoid() * (F.logsigmoid(-wanted) - F.logsigmoid(-own))
    return (yes + no) * temperature**2
