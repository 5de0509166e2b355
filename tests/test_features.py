"""What the features experiment reports: probes by ownership and of every factor, curves over strength."""

import pytest
import torch
import torch.nn.functional as F

from experiments import features
from experiments.people import render_benchmark
from salon.evaluation.people import Benchmark
from salon.evaluation.results import by_seed, read_table
from salon.faces.variations import DEGRADE
from salon.model.decorrelation import CONSTANT
from salon.model.embedding import Embedding
from salon.model.network import InputSpec, Recogniser


def test_probes_are_told_apart_by_who_owns_a_sub_embedding(monkeypatch):
    # a variation shows as one number of each sub-embedding that owns it alone, and nowhere else
    g = torch.Generator().manual_seed(0)
    masks = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]).bool()
    people = torch.arange(40).repeat_interleave(4)
    variations = (torch.rand(160, 3, generator=g) < 0.5).float()
    numbers = torch.randn(160, 4, 6, generator=g)
    numbers[:, 0, 0] += 8 * variations[:, 0]  # 1 and 2 are shared: the first and the last variation have one each
    numbers[:, 3, 0] += 8 * variations[:, 2]
    embedding = Embedding(F.normalize(numbers, dim=-1), torch.ones(160, 4))
    images = torch.rand(160, 3, 16, 16, generator=g)
    monkeypatch.setattr(features, "varied_embedding", lambda *_: (embedding, variations, images))
    model = Recogniser(InputSpec(size=16), K=4, d=6, width=0.25)
    rows = features.separation(model, Benchmark(images, images, people), masks)
    found = {(row["condition"], row["metric"]): row["value"] for row in rows}
    assert found["low_resolution", "probe_alone"] > 0.95 and found["pose", "probe_alone"] > 0.95
    assert ("occlusion", "probe_alone") not in found  # both of its own belong to others too
    unknown = [value for key, value in found.items() if key[1] in ("probe_shared", "probe_unassigned")]
    assert len(unknown) == 6 and max(abs(value - 0.5) for value in unknown) < 0.15  # chance, of 80 test pictures
    own = (found["pose", "probe_alone"] + found["pose", "probe_shared"]) / 2
    assert found["pose", "probe_assigned"] == pytest.approx(own, abs=1e-3)


def test_factors_are_told_where_they_are_and_only_what_varies(monkeypatch):
    """A feature that is the head's width tells it and nothing else; glasses, which nobody wears, are left out."""
    benchmark = render_benchmark("test", 30, False)
    width = benchmark.scenes.people.trait("head_width")[benchmark.labels]
    g = torch.Generator().manual_seed(0)
    noise = torch.randn(len(width), 2, 3, generator=g)
    noise[:, 1] = 0.01 * noise[:, 1] + torch.stack([width, torch.ones_like(width), 0 * width], -1)
    embedding = Embedding(F.normalize(noise, dim=-1), torch.ones(len(width), 2))
    monkeypatch.setattr(features, "embed", lambda *_: embedding)
    rows = features.factor_probes(Recogniser(InputSpec(size=16), K=2, d=3, width=0.25), benchmark)
    found = {(row["condition"], row["metric"], row["at"]): row["value"] for row in rows}
    assert found["head_width", "probe_part", 1] > 0.9 and found["head_width", "probe_whole", None] > 0.9
    assert 0.25 < found["head_width", "probe_part", 0] < 0.75  # chance, of 15 people
    names = {name for name, _, _ in found}
    assert {"yaw", "age", "light_azimuth"} <= names and not {"glasses", "background"} & names


def test_curves_start_from_the_same_clean_picture():
    model = Recogniser(InputSpec(size=32), K=2, d=8, width=0.5).eval()
    model.variances_fitted.fill_(True)
    rows = features.strength_curves(model)
    assert {row["condition"] for row in rows} == set(DEGRADE) and len(rows) == 2 * 6 * len(DEGRADE)
    clean = {row["value"] for row in rows if (row["metric"], row["at"]) == ("variance", 0)}
    assert max(clean) - min(clean) < 1e-6 * max(clean)


def test_the_stored_separation_holds_for_every_variation():
    """E-λ2 was chosen for it: what is a sub-embedding's own it tells, what is not it does not; none is constant."""
    table = read_table("ablation")
    for variation in ("low_resolution", "occlusion", "pose"):
        own, other = (by_seed(table, "E-λ2", variation, f"probe_{g}") for g in ("assigned", "unassigned"))
        assert (own - other).mean() > 15, variation
    assert table[table.metric == "impostor_cosine_most"].value.max() < CONSTANT
