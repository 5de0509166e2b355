"""Search in blocks against brute force on all scores at once."""

import itertools
from functools import partial

import pytest
import torch
from slow import compiler
from slow import embedding as random_embedding

from experiments.search import likelihood_tiles, mate_ranks, score_blocks, tar_at_far_streamed
from salon.evaluation import protocols
from salon.model.embedding import Embedding
from salon.model.losses import ConfidenceLoss, memory_estimate
from salon.model.matching import cosine_scores
from salon.model.network import Recogniser
from salon.words import SalonError

BLOCKS = [(100, 100), (4, 7), (1, 1)]
SCORES = [cosine_scores, likelihood_tiles]
embedding = partial(random_embedding, K=3, d=4)


def tied(a, b):
    """Scores with a few values only, so that many are equal."""
    return (2 * cosine_scores(a, b)).round()


@pytest.mark.parametrize("rows, columns", BLOCKS)
def test_blocks_cover_every_pair_once(rows, columns):
    a, b = embedding(9), embedding(15)
    seen = torch.full((9, 15), torch.nan, dtype=torch.float64)
    for r, c, block in score_blocks(a, b, rows=rows, columns=columns):
        assert seen[r, c].isnan().all() and block.shape[0] <= rows and block.shape[1] <= columns
        seen[r, c] = block
    torch.testing.assert_close(seen, cosine_scores(a, b), rtol=0, atol=1e-12)


@pytest.mark.parametrize("rows, columns", BLOCKS)
@pytest.mark.parametrize("scores", [*SCORES, tied])
def test_ranks_are_those_of_brute_force(scores, rows, columns):
    probes, gallery = embedding(20), embedding(30)
    who, enrolled = torch.randint(12, (20,)), torch.randint(10, (30,))  # some have no mate, some have several
    ranks = mate_ranks(probes, gallery, who, enrolled, scores, rows, columns)
    expected = protocols.mate_ranks(scores(probes, gallery).numpy(), who.numpy(), enrolled.numpy())
    assert ranks.tolist() == expected.tolist() and (ranks == 0).any()


def test_a_gallery_of_equal_features_puts_everybody_last():
    one = Embedding(torch.ones(6, 1, 1), torch.ones(6, 1))
    assert mate_ranks(one, one, torch.arange(6), torch.arange(6), rows=2, columns=3).tolist() == [6] * 6


@pytest.mark.parametrize("rows, columns", BLOCKS)
@pytest.mark.parametrize("scores", [*SCORES, tied])
def test_streamed_tar_is_that_of_the_protocol(scores, rows, columns):
    a, b = embedding(20), embedding(30)
    x, y = torch.randint(6, (20,)), torch.randint(6, (30,))
    fars = (0.003, 0.02, 0.3, 1.0)
    tars, impostors = tar_at_far_streamed(a, b, x, y, fars, scores, rows, columns)
    same, everything = x[:, None] == y, scores(a, b)
    assert impostors == int((~same).sum())
    for far in fars:
        assert tars[far] == pytest.approx(protocols.tar_at_far(everything[same], everything[~same], far))


def test_a_block_is_all_that_is_held(monkeypatch):
    """However large the gallery, no call scores more than rows × columns pairs."""
    sizes = []

    def watched(a, b):
        sizes.append(a.B * b.B)
        return cosine_scores(a, b)

    a, b, labels = embedding(50), embedding(400), torch.arange(400)
    mate_ranks(a, b, labels[:50], labels, watched, rows=10, columns=20)
    tar_at_far_streamed(a, b, labels[:50], labels, (0.01,), watched, rows=10, columns=20)
    assert max(sizes) == 200


def test_memory_of_the_class_layer():
    """W, its gradient and its momentum; logits and their gradient."""
    assert memory_estimate(B=2, N=3, D=5, bytes=1) == 3 * 15 + 2 * 6


def test_what_cannot_be_searched_gets_a_sentence():
    a, labels = embedding(4), torch.arange(4)
    broken = Embedding(a.features * torch.nan, a.confidences)
    for search in (mate_ranks, partial(tar_at_far_streamed, fars=[0.5])):
        with pytest.raises(SalonError, match="Scores are NaN"):
            search(broken, a, labels, labels)
        with pytest.raises(SalonError, match=r"columns came as \[3\]; expected \[4\]"):
            search(a, a, labels, labels[:3])
    with pytest.raises(SalonError, match="0 × 5"):
        list(score_blocks(a, a, rows=0, columns=5))
    with pytest.raises(SalonError, match="12 impostor and 4 genuine"):
        tar_at_far_streamed(a, a, labels, labels, [0.001])
    with pytest.raises(SalonError, match="one genuine pair"):
        tar_at_far_streamed(a, a, labels, labels + 4, [0.5])


@compiler
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch's compiler, on Python modules of its own
@pytest.mark.long
def test_a_compiled_training_step_is_the_eager_one():
    """Forward, criterion and backward; float32, so equal to 1e-5 of the largest number."""
    recogniser, criterion = Recogniser(K=4, d=4, width=0.25), ConfidenceLoss(5, 4, 4)
    images, labels = torch.rand(8, 3, 48, 48), torch.arange(8) % 5
    parameters = [*recogniser.parameters(), *criterion.parameters()]

    def step(images, labels):
        return sum(criterion(recogniser(images), labels).values()).mean()

    results = []
    for function in (step, torch.compile(step)):
        loss = function(images, labels)
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in parameters if p.grad is not None)])
        for p in parameters:
            p.grad = None
    for eager, compiled in itertools.zip_longest(*results):
        torch.testing.assert_close(compiled, eager, rtol=1e-5, atol=1e-5 * max(1, float(eager.abs().max())))
