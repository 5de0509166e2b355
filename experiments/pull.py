"""Who pulls at the network: the gradients of clean, spoilt and hopeless training pictures, and how even they are."""

import torch
from torch import Tensor

from salon.evaluation.results import row
from salon.faces.variations import degrade
from salon.model.losses import identification_logits
from salon.model.network import evaluating
from salon.training.data import TrainSet
from salon.training.loop import Run, draw_batch

PEOPLE, BATCHES = 300, 8
SPOILT = {
    "clean": 0.0,
    "spoilt": 0.5,
    "hopeless": 1.0,
}  # strength of low resolution on one half, occlusion on the other


def evaluate_pull(run: Run, data: TrainSet) -> list[dict]:
    """Rows: the mean pull ‖∂L/∂f‖ on pictures of each strength, who is named rightly, and the gradient's noise.

    The noise is E‖g - E g‖² / ‖E g‖² of a batch's gradient g, over batches drawn as in training, in the order of the
    training; "accuracy" is of training people, their own prototype being the nearest.
    """
    rows, (clean, labels) = [], _shown(data)
    for name, strength in SPOILT.items():
        pull, right = _pull(run, _spoil(clean, strength), labels)
        rows += [row(name, "pull", pull.mean(), len(labels)), row(name, "accuracy", right.mean(), len(labels))]
    batch = draw_batch(run.recipe, data, torch.Generator().manual_seed(7))
    rows.append(row("augmented", "accuracy", _pull(run, *batch[:2])[1].mean(), len(batch[1])))
    return [*rows, row("augmented", "gradient_noise", _noise(run, data), BATCHES)]


def _shown(data: TrainSet) -> tuple[Tensor, Tensor]:
    """One straight picture of each of `PEOPLE` people who are evenly spread, [n, 1, H, W], and labels [n]."""
    people = int(data.labels[-1]) + 1
    rows = torch.arange(PEOPLE) * people // PEOPLE * (len(data) // people)
    straight, _, labels = data.batch(rows)
    return straight, labels


def _spoil(images: Tensor, strength: float) -> Tensor:
    half = len(images) // 2
    low, covered = images[:half], images[half:]
    return torch.cat([degrade(low, "low_resolution", strength, 1), degrade(covered, "occlusion", strength, 2)])


def _pull(run: Run, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """‖∂L/∂f‖ of each picture [n] in evaluation mode, and whether its own prototype is the nearest, [n]."""
    with evaluating(run.recogniser):
        embedding = run.recogniser(images)
    embedding.features.requires_grad_(True)
    loss = run.criterion(embedding, labels)["identification"].sum()
    (gradient,) = torch.autograd.grad(loss, embedding.features)
    nearest = identification_logits(embedding, run.criterion.prototypes.detach()).argmax(1)
    return gradient.flatten(1).norm(dim=1), (nearest == labels).float()


def _noise(run: Run, data: TrainSet) -> float:
    """E‖g - E g‖² / ‖E g‖² over batches, g of the backbone and the embedding head; the weights stay as they are."""
    weights = [*run.recogniser.backbone.parameters(), *run.recogniser.embedding_head.parameters()]
    modes, found = run.recogniser.training, []
    kept = {name: x.clone() for name, x in run.recogniser.state_dict().items()}
    run.recogniser.train()
    for seed in range(BATCHES):
        images, labels, _ = draw_batch(run.recipe, data, torch.Generator().manual_seed(100 + seed))
        terms = run.criterion(run.recogniser(images), labels)
        gradients = torch.autograd.grad(sum(term.mean() for term in terms.values()), weights)
        found.append(torch.cat([g.flatten() for g in gradients]))
    run.recogniser.load_state_dict(kept)  # the running statistics of batches that were only looked at
    run.recogniser.train(modes)
    g = torch.stack(found)
    return float((g - g.mean(0)).square().sum(1).mean() / g.mean(0).square().sum())
