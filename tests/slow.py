"""The paper's sums as loops, number by number, and random embeddings to hold the fast versions to them."""

import math
import shutil

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from salon.model.embedding import Embedding

# float64: only the order of the sums differs; atol for sums that are zero
EXACT = {"rtol": 1e-9, "atol": 1e-12}
compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="no C++ compiler to compile with"
)


def unit(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return F.normalize(torch.randn(*shape, dtype=dtype), dim=-1)


def embedding(
    B: int = 5, K: int = 4, d: int = 3, dtype: torch.dtype = torch.float64, variances: bool = True
) -> Embedding:
    """Confidences from 1 to 31, variances from 0.01 to 1.01."""
    sigma2 = 0.01 + torch.rand(B, K, dtype=dtype) if variances else None
    return Embedding(unit(B, K, d, dtype=dtype), 1 + 30 * torch.rand(B, K, dtype=dtype), sigma2)


def density(f: Tensor, w: Tensor, variance: float) -> float:
    """N(f; w, variance I): the product of one-dimensional normal densities."""
    squares = [(a - b) ** 2 for a, b in zip(f.tolist(), w.tolist(), strict=True)]
    return math.prod(math.exp(-x / (2 * variance)) / math.sqrt(2 * math.pi * variance) for x in squares)


def slow_logits(e: Embedding, w: Tensor) -> Tensor:
    """(9)"""
    a = torch.zeros(e.B, len(w), dtype=torch.float64)
    for i in range(e.B):
        for j in range(len(w)):
            a[i, j] = sum(e.confidences[i, k] * w[j, k].dot(e.features[i, k]) for k in range(e.K)) / e.K
    return a


def slow_margin_loss(a: Tensor, y: Tensor, m: float) -> Tensor:
    """(8), as it is printed."""
    losses = []
    for row, target in zip(a.tolist(), y.tolist(), strict=True):
        e = [math.exp(x - m * (j == target)) for j, x in enumerate(row)]
        losses.append(-math.log(e[target] / sum(e)))
    return torch.tensor(losses, dtype=torch.float64)


def slow_score(a: Embedding, b: Embedding) -> float:
    """(16) of two images, [1, K, d] each."""
    v = [float(a.fitted[0, k] + b.fitted[0, k]) for k in range(a.K)]
    squares = [float((a.features[0, k] - b.features[0, k]).square().sum()) for k in range(a.K)]
    return -0.5 * sum(q / x for q, x in zip(squares, v, strict=True)) - a.d / 2 * sum(map(math.log, v))


def slow_scores(a: Embedding, b: Embedding) -> Tensor:
    return torch.tensor([[slow_score(a[i], b[j]) for j in range(b.B)] for i in range(a.B)], dtype=torch.float64)
