"""The paper says, we measured, why they differ: a table whose numbers come from what is stored."""

import numpy as np

from salon.experiments.results import read_provenance, read_table, summary
from salon.figures.umap import FeatureViews
from salon.paths import data_path
from salon.text import say

CLAIMS = ("augmentation", "confidence", "decorrelation", "aggregation", "universal")


def verdicts() -> list[list[str]]:
    """Rows for `lecture.table`: header, then for each claim the paper's words, our numbers, and the reasons."""
    numbers = measured()
    header = [say(f"verdict.{column}") for column in ("paper", "measured", "why")]
    return [header, *([say(f"verdict.{c}.paper"), numbers[c], say(f"verdict.{c}.why")] for c in CLAIMS)]


def measured() -> dict[str, str]:
    """For each claim our numbers as text: TAR@FAR=1e-3 in percent (mean of the seeds), probes, accuracy."""
    tar = summary(read_table("confidence"))
    facts = read_provenance("confidence")
    best = f"CosFace s={facts['best_fixed_scale']}"
    worst = f"CosFace s={max(scale for scale, _ in facts['fixed_scales_on_validation'])}"

    def change(before: tuple[str, bool], after: tuple[str, bool], *conditions: str) -> str:
        pairs = [(c.replace("_", " "), tar.loc[before, c], tar.loc[after, c]) for c in conditions]
        return ", ".join(f"{name} {a:.1f} → {b:.1f}" for name, a, b in pairs)

    conditions = ("clean", "mixed", "pose", "occlusion")
    real = read_table("real_faces").query("condition == 'LFW-a' and metric == 'accuracy' and not pa")
    accuracy = 100 * real.set_index("configuration").value
    return {
        "augmentation": f"A → {best}: " + change(("A", False), (best, False), "clean", "defocus", "mixed"),
        "confidence": f"{best} → C: " + change((best, False), ("C", False), *conditions),
        "decorrelation": _probes(FeatureViews.load(data_path("views", "features.npz"))),
        "aggregation": f"{worst}: {change((worst, False), (worst, True), 'clean', 'mixed')}; "
        f"C: {change(('C', False), ('C', True), 'clean', 'mixed')}",
        "universal": f"LFW {accuracy['lecture model']:.1f} %, {say('verdict.pixels')} {accuracy['raw pixels']:.1f} %",
    }


def _probes(views: FeatureViews) -> str:
    """Mean probe accuracy of the sub-embeddings that own a variation, and of the others."""
    owns = views.assigned.astype(bool)
    rows = zip(views.probes[:, 1:], owns, strict=True)
    pairs = [(np.mean(row[own]), np.mean(row[~own])) for row, own in rows]
    names = (str(name).replace("_", " ") for name in views.names)
    return ", ".join(f"{name} {a:.2f} / {b:.2f}" for name, (a, b) in zip(names, pairs, strict=True))
