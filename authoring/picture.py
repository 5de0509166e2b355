"""The pictures of the README: what spoils a picture, what the confidence is worth, and a hand that paints on a face."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image

import salon
from authoring.slide_look import browser_without_fonts
from salon.faces.people import sample_people
from salon.faces.pixels import lay_out
from salon.faces.render import frontal_views, render
from salon.faces.variations import degrade
from salon.figures.results import draw_trade_off
from salon.paths import write_whole
from salon.widgets.explorer import ConfidenceExplorer
from salon.words import LANGUAGES

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


# --- the film

STILL, MOVING = 1200, 120  # milliseconds of a frame
MOUTH = (0.75, 0.88)  # where the brush goes from side to side, in heights of the picture
_SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def write_film(folder: Path) -> list[Path]:
    """The explorer of the model of places as an animated picture, FOLDER/explorer.LANG.webp, in each language."""
    explorer, paths = ConfidenceExplorer(salon.load("places")), []
    with browser_without_fonts() as browser:
        for lang in LANGUAGES:
            page = browser.new_page(viewport={"width": 900, "height": 720}, offline=True)
            page.set_content(explorer.page(lang))
            frames, times = zip(*painted(page), strict=True)
            paths.append(folder / f"explorer.{lang}.webp")
            look: Any = {"save_all": True, "append_images": frames[1:], "duration": times, "loop": 0, "quality": 70}
            write_whole(paths[-1], partial(frames[0].save, format="WEBP", method=6, **look))
    return paths


def painted(page: Any) -> Iterator[tuple[Image.Image, int]]:
    """Frames and how long each stands: the mouth is covered stroke by stroke; then the head turns away."""
    page.locator(".salon-bars .salon-bar").first.wait_for()
    easel, slider = page.locator(".salon-easel canvas").bounding_box(), page.locator("input[name=yaw]")
    yield _frame(page), STILL
    for y in MOUTH:
        for x in np.linspace(0.1, 0.9, 9):
            page.mouse.move(easel["x"] + x * easel["width"], easel["y"] + y * easel["height"])
            page.mouse.down()
            yield _frame(page), MOVING
        page.mouse.up()
    yield _frame(page), STILL
    page.locator(".salon-reset").click()
    for yaw in range(0, 80, 15):
        slider.fill(str(yaw))
        yield _frame(page), STILL if yaw == 75 else MOVING


def _frame(page: Any) -> Image.Image:
    """The face and the bars, as they stand."""
    page.evaluate(_SETTLED)
    box = page.locator(".salon-columns").bounding_box()
    shot = page.screenshot(clip={**box, "height": 0.67 * box["height"]})
    return Image.open(io.BytesIO(shot)).convert("RGB")
