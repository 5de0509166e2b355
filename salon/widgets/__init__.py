"""The figures, alive: one Python class and one script each."""

from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.feature_map import FeatureMap
from salon.widgets.game import Game
from salon.widgets.scale import ScaleAndCloud
from salon.widgets.threshold import Threshold

__all__ = ["ConfidenceExplorer", "FeatureMap", "Game", "ScaleAndCloud", "Threshold"]
