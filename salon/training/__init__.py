"""Recipes, the loop, training data, checkpoints with their card."""

from salon.training.attributes import load_attributes, mined_labels
from salon.training.data import train_set, turned_away
from salon.training.loop import begin, train, train_step
from salon.training.recipes import recipe
from salon.training.shipped import load
