"""The exercises, one of each part, as they are solved; `python -m authoring notebooks build` makes cells of them."""

import torch


def pull(cosines: torch.Tensor, labels: torch.Tensor, scale: float, margin: float) -> torch.Tensor:
    """How hard CosFace pulls up the right cosine of each image: s (1 - P_y), in nats per unit of cosine.

    cosines [B, N], labels [B] in 0..N-1; returns [B].
    """
    right = cosines.gather(1, labels[:, None]) - margin  # [B, 1]
    logits = scale * cosines.scatter(1, labels[:, None], right)  # [B, N], a new tensor
    P = logits.softmax(1).gather(1, labels[:, None])  # [B, 1]
    return scale * (1 - P.squeeze(1))


def pair_scores(f: torch.Tensor, u: torch.Tensor, g: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Score (16) of every image of one set with every image of another, without a loop.

    Features f [A, K, d] with variances u [A, K], and g [B, K, d] with variances v [B, K]; returns [A, B].
    """
    distance = (f[:, None] - g).square().sum(-1)  # [A, B, K]
    both = u[:, None] + v  # [A, B, K]
    return -0.5 * (distance / both + f.shape[-1] * both.log()).sum(-1)


def accept_rates(genuine: torch.Tensor, impostor: torch.Tensor, far: float) -> torch.Tensor:
    """TAR at one FAR under each of C conditions, from the scores of genuine and of impostor pairs.

    genuine [C, G], impostor [C, I], far in 0..1; returns [C], shares in 0..1.
    """
    n = round(far * impostor.shape[1])  # false accepts that are allowed
    threshold = impostor.sort(dim=1, descending=True).values[:, n]  # [C]
    return (genuine > threshold[:, None]).float().mean(1)


def refusals(confidences: torch.Tensor, groups: torch.Tensor, share: float) -> torch.Tensor:
    """Which share of each group is refused, if the `share` of all images with the lowest confidence is refused.

    confidences [B, K], groups [B] in 0..G-1 (none is empty), share in 0..1; returns [G], shares in 0..1.
    """
    n = round(share * len(groups))  # images that are refused
    refused = confidences.mean(1).argsort()[:n]  # [n], the least trusted
    sizes = groups.bincount()  # [G]
    return groups[refused].bincount(minlength=len(sizes)) / sizes
