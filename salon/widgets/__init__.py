"""The figures, alive: one Python class and one script each."""

from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.feature_map import FeatureMap

__all__ = ["ConfidenceExplorer", "FeatureMap"]
