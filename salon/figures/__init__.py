"""Static pictures: one pure function a picture; `figures.NAME_figure(…)` gives a matplotlib figure."""

from salon.evaluation.views import FeatureViews
from salon.figures.ablation import (
    ablation_figure,
    claims_figure,
    degradation_figure,
    difference_figure,
    effect_figure,
    factor_figure,
    pull_figure,
    rejection_figure,
)
from salon.figures.black_hole import black_hole_figure
from salon.figures.explorer import explorer_figure, look
from salon.figures.faces import face_sheet
from salon.figures.geometry import circle_figure, cloud_figure
from salon.figures.losses import angle_figure, confidence_figure, mask_figure
from salon.figures.method import method_figure
from salon.figures.results import (
    condition_figure,
    convergence_figure,
    line_figure,
    probe_figure,
    strength_figure,
    trade_off_figure,
)
from salon.figures.umap import owned_figure, part_figure
