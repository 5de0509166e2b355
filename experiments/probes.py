"""What a frozen sub-embedding still knows: fresh linear probes, and whether it tells people apart at all."""

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from salon.evaluation.people import Benchmark
from salon.faces.variations import augment
from salon.model.embedding import Embedding
from salon.model.network import Recogniser, embed
from salon.words import SalonError


def linear_probe(features: Tensor, labels: Tensor, groups: Tensor, seed: int = 0) -> float:
    """Balanced accuracy, 0..1 (chance 0.5), of logistic regression from features [n, d] to labels [n] in {0, 1}.

    Half of the `groups` [n] (the people) train it, the other half test it: nobody is in both.
    """
    if len(labels.unique()) != 2:
        raise SalonError(f"The labels have {len(labels.unique())} values; expected both 0 and 1.")
    names = groups.unique()
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    trains = torch.isin(groups, names[order[: len(names) // 2]]).numpy()
    x, y = features.numpy(), labels.numpy()
    probe = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=300))
    probe.fit(x[trains], y[trains])
    return float(balanced_accuracy_score(y[~trains], probe.predict(x[~trains])))


def probe_all(embedding: Embedding, variations: Tensor, people: Tensor, seed: int = 0) -> Tensor:
    """Probe accuracies [M, K] of every variation [B, M] from every sub-embedding alone."""
    return torch.tensor([
        [linear_probe(embedding.features[:, k], variations[:, t], people, seed) for k in range(embedding.K)]
        for t in range(variations.shape[1])
    ])  # fmt: skip


def varied_embedding(recogniser: Recogniser, benchmark: Benchmark, seed: int = 0) -> tuple[Embedding, Tensor, Tensor]:
    """Test pictures augmented as in training but half of the time, embedded; their labels [n, 3] and pictures."""
    g = torch.Generator().manual_seed(seed)
    images, labels = augment(benchmark.straight, benchmark.turned, g, probability=0.5, strength=0.8)
    return embed(recogniser, images), labels, images
