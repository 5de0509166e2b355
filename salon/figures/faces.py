"""Contact sheets: faces in rows and columns."""

from collections.abc import Iterable, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from salon.figures.style import panels


def face_sheet(images: Iterable[Tensor], rows: Sequence[str], columns: Sequence[str]) -> Figure:
    """Pictures [R*C, 3, H, W] in 0..1, row by row, with the names of R rows and C columns ("" for none)."""
    figure, axes = panels(len(rows), len(columns), 1.1 * (len(columns) + 1), 1.1 * (len(rows) + 0.35))
    for axis, image in zip(axes.flat, images, strict=True):
        axis.imshow(image.permute(1, 2, 0).clamp(0, 1).numpy())
        axis.set(xticks=[], yticks=[], frame_on=False)
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title(name, fontsize=10)
    for axis, name in zip(axes[:, 0], rows, strict=True):
        axis.set_ylabel(name, fontsize=10, rotation=0, ha="right", va="center")
    return figure
