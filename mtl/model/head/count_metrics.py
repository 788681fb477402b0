"""How far counts are from the truth."""

import numpy as np

from mtl.model.curves.explained import Floats
from mtl.model.head import regression_metrics
from mtl.model.head.regression_metrics import RegressionMetrics, own_means

METRICS = (*regression_metrics.METRICS, "exact")


class CountMetrics(RegressionMetrics):
    """Those of numbers, and the share of counts that are right when rounded, class by class.

    ``exact`` is 1 for a class that hardly occurs if it is never seen; ``r2`` is not.
    """

    def of_each(self, said: Floats, truth: Floats) -> dict[str, Floats]:
        """See ``RegressionMetrics``."""
        right = (np.rint(said) == truth).astype(np.float64)
        return {**super().of_each(said, truth), "exact": own_means(right, ~np.isnan(truth))}
