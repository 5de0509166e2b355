"""The exercises as they are solved, notebook by notebook; `python -m authoring notebooks build` makes cells of them."""

import torch


def pull(cosines: torch.Tensor, labels: torch.Tensor, scale: float, margin: float) -> torch.Tensor:
    """How hard CosFace pulls up the right cosine of each image: s (1 - P_y), in nats per unit of cosine.

    cosines [B, N], labels [B] in 0..N-1; returns [B].
    """
    right = cosines.gather(1, labels[:, None]) - margin  # [B, 1]
    logits = scale * cosines.scatter(1, labels[:, None], right)  # [B, N], a new tensor
    P = logits.softmax(1).gather(1, labels[:, None])  # [B, 1]
    return scale * (1 - P.squeeze(1))


def arcface_loss(cosines: torch.Tensor, labels: torch.Tensor, scale: float, margin: float) -> torch.Tensor:
    """ArcFace's loss of each image: like CosFace's, but the margin is added to the angle of the right person.

    cosines [B, N], labels [B] in 0..N-1, margin in radians; returns [B], in nats.
    """
    right = cosines.gather(1, labels[:, None]).acos() + margin  # [B, 1], an angle
    logits = scale * cosines.scatter(1, labels[:, None], right.cos())  # [B, N], a new tensor
    return logits.logsumexp(1) - logits.gather(1, labels[:, None]).squeeze(1)


def cover(images: torch.Tensor, sides: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Black out each image from one side: 0 from above, 1 from below, 2 from the left, 3 from the right.

    images [B, C, H, W], sides [B] in 0..3, shares [B] of the picture in 0..1; returns [B, C, H, W].
    """
    y, x = ((torch.arange(n) + 0.5) / n for n in images.shape[2:])  # [H], [W]: middles of rows and columns
    depth = torch.stack(torch.broadcast_tensors(y[:, None], 1 - y[:, None], x, 1 - x))[sides]  # [B, H, W]
    return images * (depth > shares[:, None, None])[:, None]


def pair_scores(f: torch.Tensor, u: torch.Tensor, g: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Score (16) of every image of one set with every image of another, without a loop.

    Features f [A, K, d] with variances u [A, K], and g [B, K, d] with variances v [B, K]; returns [A, B].
    """
    distance = (f[:, None] - g).square().sum(-1)  # [A, B, K]
    both = u[:, None] + v  # [A, B, K]
    return -0.5 * (distance / both + f.shape[-1] * both.log()).sum(-1)


def confidence_loss(
    f: torch.Tensor, s: torch.Tensor, w: torch.Tensor, labels: torch.Tensor, margin: float, weight: float
) -> torch.Tensor:
    """The paper's loss of each image: identification (8) with the logits (9), and `weight` times the regulariser (10).

    f [B, K, d] and w [N, K, d], parts of length 1; s [B, K], labels [B] in 0..N-1; returns [B], in nats.
    """
    cosines = torch.einsum("bkd,nkd->bnk", f, w)  # [B, N, K]
    logits = (s[:, None] * cosines).mean(2)  # [B, N]
    right = logits.gather(1, labels[:, None]) - margin  # [B, 1]
    shifted = logits.scatter(1, labels[:, None], right)  # [B, N], a new tensor
    return shifted.logsumexp(1) - right.squeeze(1) + weight * s.square().mean(1)


def game_losses(
    f: torch.Tensor, masks: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """What the game asks of the network, for each image: the losses (12) and (13), side by side.

    f [B, K, d], masks [M, K] of 0 and 1, weight [M, K * d], bias [M], labels [B, M] of 0 and 1; returns [B, 2].
    """
    seen = (f[:, None] * masks[:, :, None]).flatten(2)  # [B, M, K * d]: V_t(f)
    logits = seen @ weight.T + bias  # [B, M, M]: at [i, t, t'] what C says of t', seeing V_t
    yes, no = (torch.nn.functional.logsigmoid(x) for x in (logits, -logits))  # log p(u = 1), log p(u = 0)
    truth = labels[:, None] * yes + (1 - labels[:, None]) * no  # [B, M, M]
    own = torch.eye(len(masks))  # t' = t
    show, hide = -(own * truth).sum((1, 2)), -((1 - own) * (yes + no) / 2).sum((1, 2))
    return torch.stack([show, hide], 1)


def accept_rates(genuine: torch.Tensor, impostor: torch.Tensor, far: float) -> torch.Tensor:
    """TAR at one FAR under each of C conditions, from the scores of genuine and of impostor pairs.

    genuine [C, G], impostor [C, I], far in 0..1; returns [C], shares in 0..1.
    """
    n = round(far * impostor.shape[1])  # false accepts that are allowed
    threshold = impostor.sort(dim=1, descending=True).values[:, n]  # [C]
    return (genuine > threshold[:, None]).float().mean(1)


def errors_left(wrong: torch.Tensor, confidences: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """The error among the images that are left when a share of all, the least confident ones, is refused.

    wrong [B] of 0 and 1, confidences [B], shares [S] of the images, above 0 and below 1; returns [S], in 0..1.
    """
    surest_first = wrong[confidences.argsort(descending=True)]  # [B]
    left = len(wrong) - (shares * len(wrong)).round().long()  # [S]
    return surest_first.cumsum(0)[left - 1] / left


def templates(features: torch.Tensor, variances: torch.Tensor, people: torch.Tensor) -> torch.Tensor:
    """One template for each person: the mean over the images with weights 1/variance, each part of length 1.

    features [B, K, d], variances [B, K], people [B] in 0..T-1 (each has an image); returns [T, K, d].
    """
    weighted = features / variances[..., None]  # [B, K, d]
    sums = torch.zeros(int(people.max()) + 1, *features.shape[1:]).index_add(0, people, weighted)  # [T, K, d]
    return sums / sums.norm(dim=-1, keepdim=True)


def probe_parts(train: torch.Tensor, labels: torch.Tensor, test: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """How often a linear probe of each part, fitted by least squares, guesses the sign of a label on new images.

    train [A, K, d], labels [A] of -1 and 1, test [B, K, d], truth [B] of -1 and 1; returns [K], in 0..1.
    """
    a, b = (torch.cat([x, torch.ones_like(x[..., :1])], 2).transpose(0, 1) for x in (train, test))
    w = torch.linalg.pinv(a) @ labels  # [K, d + 1], from a [K, A, d + 1]
    says = torch.einsum("kbd,kd->kb", b, w)  # [K, B]
    return (says * truth > 0).float().mean(1)


def refusals(confidences: torch.Tensor, groups: torch.Tensor, share: float) -> torch.Tensor:
    """Which share of each group is refused, if the `share` of all images with the lowest confidence is refused.

    confidences [B, K], groups [B] in 0..G-1 (none is empty), share in 0..1; returns [G], shares in 0..1.
    """
    n = round(share * len(groups))  # images that are refused
    refused = confidences.mean(1).argsort()[:n]  # [n], the least trusted
    sizes = groups.bincount()  # [G]
    return groups[refused].bincount(minlength=len(sizes)) / sizes


def group_rates(
    scores: torch.Tensor, probes: torch.Tensor, gallery: torch.Tensor, groups: torch.Tensor, far: float
) -> torch.Tensor:
    """The false accept rate within each group, at the one threshold that lets `far` of all impostor pairs pass.

    scores [P, R] of images of the people probes [P] and gallery [R], in 0..N-1; groups [N] in 0..G-1; returns [G].
    """
    impostor = probes[:, None] != gallery  # [P, R]
    n = round(far * int(impostor.sum()))  # false accepts that are allowed, in all groups together
    threshold = scores[impostor].sort(descending=True).values[n]
    of_probe, of_known = groups[probes][:, None], groups[gallery]
    within = [impostor & (of_probe == g) & (of_known == g) for g in range(int(groups.max()) + 1)]
    return torch.stack([(scores[pairs] > threshold).float().mean() for pairs in within])


def people_interval(hits: torch.Tensor, people: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """From where to where 95 % of the rates lie, if people are drawn anew: whoever is drawn brings all images.

    hits [B] of 0 and 1, people [B] in 0..N-1 (each has an image), draws [R, N] of people; returns [2], low and high.
    """
    found = torch.zeros(draws.shape[1]).index_add(0, people, hits)  # [N]
    images = people.bincount()  # [N]
    rates = found[draws].sum(1) / images[draws].sum(1)  # [R]
    return rates.quantile(torch.tensor([0.025, 0.975]))


def own_loss(
    cosines: torch.Tensor, s: torch.Tensor, labels: torch.Tensor, margin: float, weight: float, start: float
) -> torch.Tensor:
    """The loss (6) of each image, and `weight` times the squared distance of its confidence from `start`.

    cosines [B, N], confidences s [B], labels [B] in 0..N-1; returns [B], in nats.
    """
    logits = s[:, None] * cosines  # [B, N]
    right = logits.gather(1, labels[:, None]) - margin  # [B, 1]
    shifted = logits.scatter(1, labels[:, None], right)  # [B, N], a new tensor
    return shifted.logsumexp(1) - right.squeeze(1) + weight * (s - start).square()


def leads(ours: torch.Tensor, theirs: torch.Tensor, t: float) -> torch.Tensor:
    """How far ours is ahead along a training, seed by seed: mean, and the ends of its interval.

    TAR ours [S, L] and theirs [S, L] of S seeds at L lengths, t the quantile for S - 1; returns [L, 3].
    """
    lead = ours - theirs  # [S, L], of the same seed
    half = t * lead.std(0) / len(lead) ** 0.5  # [L]
    return torch.stack([lead.mean(0), lead.mean(0) - half, lead.mean(0) + half], 1)


def survivors(p: torch.Tensor, alpha: float) -> torch.Tensor:
    """Which of C claims survive Holm's correction at the level `alpha`: 1 or 0.

    p [C], each claim's p-value; returns [C], floating point.
    """
    order = p.argsort()
    limits = alpha / (len(p) - torch.arange(len(p)))  # [C]: alpha / C for the smallest p
    passed = (p[order] <= limits).float().cumprod(0)  # [C]: after the first failure none
    return torch.zeros(len(p)).scatter(0, order, passed)
