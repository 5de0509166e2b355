"""Comparing images (section 3.5): cosine, the uncertainty-guided score (16), its variances, and templates."""

from collections.abc import Iterator
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor

from salon.model.decorrelation import CONSTANT, impostor_cosine
from salon.model.embedding import Embedding, expect_alike, expect_shape
from salon.model.network import Recogniser, evaluating
from salon.words import SalonError, expect_whole

PEOPLE, IMAGES = 24, 4  # of a batch of `fit_variances`


def cosine_pairs(a: Embedding, b: Embedding) -> Tensor:
    """Cosine of row i of `a` with row i of `b`, the mean over sub-embeddings; returns [B] in -1..1."""
    expect_alike(a, b)
    return (a.flat * b.flat).sum(1) / a.K


def cosine_scores(a: Embedding, b: Embedding) -> Tensor:
    """Cosine of every image of `a` with every one of `b`; returns [A, B] in -1..1."""
    expect_alike(a, b)
    return a.flat @ b.flat.T / a.K


def likelihood_pairs(a: Embedding, b: Embedding) -> Tensor:
    """Score (16) of row i of `a` with row i of `b`; higher is more alike; returns [B].

        -1/2 Σ_k ‖f_a^(k) - f_b^(k)‖² / v_k  -  d/2 Σ_k log v_k,   v_k = σ_a^(k)² + σ_b^(k)²

    It is PFE's mutual likelihood score with one variance for each sub-embedding, less a constant.
    """
    expect_alike(a, b)
    v = a.fitted + b.fitted  # [B, K]
    distance = (a.features - b.features).square().sum(-1)  # [B, K]
    return -0.5 * (distance / v + a.d * v.log()).sum(1)


def likelihood_scores(a: Embedding, b: Embedding) -> Tensor:
    """Score (16) of every image of `a` with every one of `b`; returns [A, B].

    One sub-embedding at a time, by ‖f - g‖² = ‖f‖² + ‖g‖² - 2 f·g: all differences at once would fill [A, B, K, d].
    """
    expect_alike(a, b)
    scores = a.features.new_zeros(a.B, b.B)
    for k in range(a.K):
        f, g = a.features[:, k], b.features[:, k]  # [A, d], [B, d]
        distance = f.square().sum(1)[:, None] + g.square().sum(1) - 2 * f @ g.T
        v = a.fitted[:, k, None] + b.fitted[:, k]
        scores = scores - 0.5 * (distance / v + a.d * v.log())
    return scores


def likelihood_loss(embedding: Embedding, labels: Tensor) -> Tensor:
    """PFE's loss (its (11)): minus the mean score (16) of all genuine pairs of the batch; a scalar.

    Impostors play no part, so with free features it would collapse: fit variances alone with it.
    Raises `SalonError` if no two images have the same label.
    """
    expect_shape("labels", labels, (embedding.B,))
    i, j = torch.triu(labels[:, None] == labels[None, :], diagonal=1).nonzero(as_tuple=True)
    if not len(i):
        raise SalonError("No two images show one person; expected genuine pairs. Give several of each.")
    return -likelihood_pairs(embedding[i], embedding[j]).mean()


def fuse(embedding: Embedding, groups: Tensor) -> Embedding:
    """One template for each group of images, in the order of the sorted labels; [B] labels -> T templates.

    Mean weighted by 1/σ² (by the confidences where none is fitted), each sub-embedding normalised again.
    Frames are not independent, so a template is as sure as its best image: least σ², highest confidence.
    """
    expect_shape("groups", groups, (embedding.B,))
    names, rows = groups.unique(return_inverse=True)
    weights = embedding.confidences if embedding.variances is None else 1 / embedding.variances  # [B, K]
    sums = embedding.features.new_zeros(len(names), embedding.K, embedding.d)
    sums = sums.index_add(0, rows, weights[..., None] * embedding.features)  # [T, K, d]

    def best(x: Tensor, rule: str) -> Tensor:
        index = rows[:, None].expand_as(x)
        return x.new_ones(len(names), embedding.K).scatter_reduce(0, index, x, rule, include_self=False)

    variances = None if embedding.variances is None else best(embedding.variances, "amin")
    return Embedding(F.normalize(sums, dim=-1), best(embedding.confidences, "amax"), variances)


def _genuine_batches(labels: Tensor, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Image indices of `steps` batches, each of some people with up to four of their images."""
    people = [(labels == person).nonzero().squeeze(1) for person in labels.unique()]
    people = [images for images in people if len(images) > 1]
    if not people:
        raise SalonError("No person has two images; expected genuine pairs. Give several images of each.")
    for _ in range(steps):
        chosen = torch.randperm(len(people), generator=generator)[:PEOPLE].tolist()
        shuffled = [people[p][torch.randperm(len(people[p]), generator=generator)] for p in chosen]
        yield torch.cat([images[:IMAGES] for images in shuffled])


def _trunk_features(recogniser: Recogniser, images: Tensor, batch: int = 256) -> tuple[Tensor, Embedding]:
    """Backbone features [V, n, C] of V views (plain and, if the spec flips, mirrored) and their embedding."""
    trunks, parts = [], []
    with evaluating(recogniser):
        for chunk in images.split(batch):
            trunks.append(torch.stack([recogniser.trunk(view) for view in recogniser.spec.views(chunk)]))
            parts.append(Embedding.fuse_views([recogniser.heads(trunk) for trunk in trunks[-1]]))
    return torch.cat(trunks, dim=1), Embedding.cat(parts)


def fit_variances(
    recogniser: Recogniser, images: Tensor, labels: Tensor, steps: int = 250, seed: int = 0, floor: bool = True
) -> None:
    """Fit the variance head on genuine pairs with PFE's loss; everything else stays as it is.

    `images` [n, 3, H, W] in 0..1 should be of the mixed quality that will be met, `labels` [n] say who it is.
    The backbone sees each image once. A sub-embedding that is nearly the same for all people gets a
    small variance, since genuine pairs cannot show that it tells nobody apart: `floor` mends that.
    Raises `SalonError` if no person has two images, and with `floor` if there is one person only; then, and where it
    is stopped, the recogniser is as it was.
    """
    expect_shape("labels", labels, (len(images),))
    generator = torch.Generator().manual_seed(expect_whole("The seed", seed))
    expect_whole("The number of steps", steps, 1)
    trunks, embedding = _trunk_features(recogniser, images)
    head = deepcopy(recogniser.variance_head).train()
    head.floor.zero_()
    floors = variance_floor(embedding, labels) if floor else torch.zeros_like(head.floor)
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for rows in _genuine_batches(labels.cpu(), steps, generator):
        variances = head(trunks[:, rows].flatten(0, 1)).unflatten(0, (len(trunks), -1)).mean(0)
        part = embedding[rows]
        loss = likelihood_loss(Embedding(part.features, part.confidences, variances), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    head.floor.copy_(floors)
    recogniser.variance_head.load_state_dict(head.state_dict())
    recogniser.variances_fitted.fill_(True)


def variance_floor(embedding: Embedding, labels: Tensor) -> Tensor:
    """What to add to the variances [K] so that (16) does not trust a sub-embedding that is nearly constant.

    0 where different people's mean cosine is at most `CONSTANT`, else 1: beside usual variances of a few
    thousandths that is so much that the sub-embedding's terms are the same for all pairs. Our own remedy, not the
    paper's. Raises `SalonError` if `labels` [B] name one person only.
    """
    alike = impostor_cosine(embedding, labels)
    if alike.isnan().any():
        raise SalonError("All images show one person; expected several people. Give images of others too.")
    return (alike > CONSTANT).to(alike)
