"""Rendered people and what may spoil a picture of them; folders of real faces (`collections`, `insightface`)."""

from salon.faces.nuisances import NUISANCES, label, seen_under
from salon.faces.people import sample_people, split_people
from salon.faces.pixels import from_webp
from salon.faces.render import frontal_views, render, sample_views, truth
from salon.faces.variations import DEGRADE, VARIATIONS, augment, degrade, pose_yaw
