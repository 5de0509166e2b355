"""What the decorrelation experiment reports: probes by ownership, and intervals over seeds."""

import pytest
import torch
import torch.nn.functional as F

from salon.experiments import decorrelation
from salon.experiments.data import Benchmark
from salon.experiments.intervals import t_interval
from salon.model.decorrelation import sub_embedding_correlation
from salon.model.embedding import Embedding
from salon.model.network import InputSpec, Recogniser


def test_probes_are_told_apart_by_who_owns_a_sub_embedding(monkeypatch):
    # a variation shows as one number of each sub-embedding that owns it alone, and nowhere else
    g = torch.Generator().manual_seed(0)
    masks = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]).bool()
    people = torch.arange(40).repeat_interleave(4)
    variations = (torch.rand(160, 3, generator=g) < 0.5).float()
    features = torch.randn(160, 4, 6, generator=g)
    features[:, 0, 0] += 8 * variations[:, 0]  # 1 and 2 are shared: the first and the last variation have one each
    features[:, 3, 0] += 8 * variations[:, 2]
    embedding = Embedding(F.normalize(features, dim=-1), torch.ones(160, 4))
    images = torch.rand(160, 3, 16, 16, generator=g)
    monkeypatch.setattr(decorrelation, "varied_embedding", lambda *_: (embedding, variations, images))
    model = Recogniser(InputSpec(size=16), K=4, d=6, width=0.25)
    rows = decorrelation.separation(model, Benchmark(images, images, people), masks)
    found = {(row["condition"], row["metric"]): row["value"] for row in rows}
    assert found["low_resolution", "probe_alone"] > 0.95 and found["pose", "probe_alone"] > 0.95
    assert ("occlusion", "probe_alone") not in found  # both of its own belong to others too
    unknown = [value for key, value in found.items() if key[1] in ("probe_shared", "probe_unassigned")]
    assert len(unknown) == 6 and max(abs(value - 0.5) for value in unknown) < 0.15  # chance, of 80 test pictures
    own = (found["pose", "probe_alone"] + found["pose", "probe_shared"]) / 2
    assert found["pose", "probe_assigned"] == pytest.approx(own, abs=1e-3)


def test_intervals_pair_the_seeds_that_have_both():
    values = {"probe_assigned": (0.7, 0.8, 0.9), "probe_unassigned": (0.5, 0.5, 0.6), "probe_alone": (0.9, 0.8)}
    rows = [
        {"configuration": name, "condition": condition, "metric": metric, "seed": seed, "value": value}
        for name in decorrelation.CONFIGURATIONS
        for condition in ("low_resolution", "occlusion", "pose")
        for metric, several in values.items()
        for seed, value in enumerate(several)
    ]
    rows += [
        {"configuration": name, "condition": condition, "metric": metric, "seed": seed, "value": 0.1 * seed + shift}
        for name, shift in (("D", 0.0), ("E", 0.2), ("E-mined", 0.2), ("E-λ2", 0.5))
        for condition, metric in (
            ("varied", "correlation"), *((c, "tar_at_far_0.001") for c in decorrelation.CONDITIONS)
        )
        for seed in range(3)
    ]  # fmt: skip
    found = decorrelation._intervals(rows)
    expected = t_interval([0.2, 0.3, 0.3])
    assert found["E, pose, assigned minus unassigned"] == pytest.approx(expected, abs=1e-4)
    assert found["E, pose, alone minus unassigned"] == pytest.approx(t_interval([0.4, 0.3]), abs=1e-4)
    assert found["E-λ2 minus D, varied, correlation"] == pytest.approx((0.5, 0.5, 0.5), abs=1e-4)


def test_sub_embeddings_that_err_together_are_correlated():
    g = torch.Generator().manual_seed(1)
    people = torch.arange(10).repeat_interleave(20)
    centres = F.normalize(torch.randn(10, 3, 8, generator=g), dim=-1)
    error = torch.rand(200, 1, 1, generator=g).expand(200, 3, 1)
    alone = torch.rand(200, 3, 1, generator=g)
    direction = torch.randn(200, 3, 8, generator=g)

    def correlation(size):
        features = F.normalize(centres[people] + size * direction, dim=-1)
        return sub_embedding_correlation(Embedding(features, torch.ones(200, 3)), centres, people)

    assert correlation(error) > 0.4 > abs(correlation(alone)) + 0.3
