"""How the task losses make one step: one method in each file.

A method sees the losses (``losses.py``), the inner products of the tasks' gradients
(``gramian.py``) or these gradients themselves (``rows.py``). Where gradients come from is the
business of ``mtl.learning.gradients``.
"""
