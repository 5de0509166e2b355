"""The figures, alive: one Python class and one script each."""

from salon.widgets.black_hole import BlackHole
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.feature_map import FeatureMap
from salon.widgets.game import Game
from salon.widgets.scale import ScaleAndCloud
from salon.widgets.threshold import Threshold
from salon.widgets.two_faces import TwoFaces

__all__ = ["BlackHole", "ConfidenceExplorer", "FeatureMap", "Game", "ScaleAndCloud", "Threshold", "TwoFaces"]
