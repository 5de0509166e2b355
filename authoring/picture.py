"""The one picture of the README: the people, what spoils their pictures, and what the confidence is worth."""

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from salon.faces.people import sample_people
from salon.faces.pixels import lay_out
from salon.faces.render import frontal_views, render
from salon.faces.variations import degrade
from salon.figures.results import draw_trade_off

COLUMNS = ("clean", "turned", "low resolution", "occluded")


def people_and_variations(count: int = 4, seed: int = 12, size: int = 112) -> np.ndarray:
    """A sheet [H, W, 3] of `count` people in rows, under `COLUMNS`."""
    people = sample_people(count, seed)
    backgrounds = torch.arange(count) + 5.0
    plain, turned = (render(people, frontal_views(count, yaw=yaw, background=backgrounds), size) for yaw in (0.0, 50.0))
    spoilt = [degrade(plain, "low_resolution", 0.6, seed=0), degrade(plain, "occlusion", 0.45, seed=1)]
    tiles = torch.stack([plain, turned, *spoilt], 1).flatten(0, 1)
    return lay_out(tiles, len(COLUMNS), gap=3, fill=1.0).permute(1, 2, 0).numpy()


def readme_figure(table: pd.DataFrame) -> Figure:
    """Left the people and their variations, right turned heads against mixed quality: one scale or a confidence."""
    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    sheet = people_and_variations()
    left.imshow(sheet)
    left.set(
        yticks=[], xticks=[sheet.shape[1] * (i + 0.5) / len(COLUMNS) for i in range(len(COLUMNS))], xticklabels=COLUMNS
    )
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    draw_trade_off(right, table[~table.configuration.str.endswith("+16")], "pose")
    right.set_title("one scale for all images, or a confidence for each")
    right.legend(loc="best")
    return figure
