"""What every loss and score must do alike, and the equations whose sums no other test writes as loops."""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from slow import EXACT, density, slow_logits, slow_margin_loss, unit
from torch import Tensor
from torch.func import functional_call

from salon.lecture.equations import equations
from salon.model import decorrelation as game
from salon.model import losses, matching, mining
from salon.model.embedding import Embedding, InputSpec
from salon.model.network import Recogniser
from salon.words import SalonError

B, K, D, N, M = 4, 4, 3, 5, 3  # images, sub-embeddings, numbers of each, identities, variations
LABELS = torch.tensor([0, 3, 0, 4])
near = torch.testing.assert_close


@dataclass
class Inputs:
    """Everything that a loss or a score may take; two images of one person, two of others."""

    f: Tensor  # features [B, K, D], and those of the second image of each pair
    g: Tensor
    s: Tensor  # confidences [B, K]
    u: Tensor  # variances [B, K], and those of the second image
    v: Tensor
    w: Tensor  # prototypes [N, K, D]
    a: Tensor  # logits [B, N]; the first M are also those of attributes
    weight: Tensor  # of the discriminator
    bias: Tensor
    labels: Tensor
    masks: Tensor
    has: Tensor  # variations [B, M]

    @property
    def one(self):
        return Embedding(self.f, self.s, self.u)

    @property
    def other(self):
        return Embedding(self.g, self.s, self.v)

    @property
    def judge(self):
        """The discriminator as a function of its parameters."""
        model = game.Discriminator(K, D, M)
        parameters = {"linear.weight": self.weight, "linear.bias": self.bias}
        return lambda *args, **options: functional_call(model, parameters, args, options)

    @property
    def judged(self):
        return self.judge, self.one, self.masks

    def criterion(self, model):
        terms = functional_call(model, {"prototypes": self.w}, (self.one, self.labels))
        return torch.stack(list(terms.values()))

    def map(self, function):
        return Inputs(*(function(getattr(self, x.name)) for x in fields(self)))


def inputs(case="usual", size=5.0):
    """Float64 inputs with confidences around `size`; a case: features at their prototypes, opposite, or zero."""
    f, w = unit(B, K, D), unit(N, K, D)
    s = size * (0.5 + torch.rand(B, K, dtype=torch.float64))
    f = {"cosine 1": w[LABELS], "cosine -1": -w[LABELS], "zero": 0 * f}.get(case, f)
    g = {"cosine 1": f, "cosine -1": -f, "zero": f}.get(case, unit(B, K, D))
    a = s.mean(1, keepdim=True) * torch.einsum("bkd,nkd->bn", f, w) / K
    has = torch.rand(B, M, dtype=torch.float64)
    weight, bias = 3 * torch.randn(M, K * D, dtype=torch.float64), torch.randn(M, dtype=torch.float64)
    masks = game.variation_masks(M, K)
    return Inputs(f, g, s, 1 / s, 2 / s, w, a, weight, bias, LABELS, masks, has)


# Name in the ledger -> by what it can be differentiated, and how to call it.
CASES: dict[str, tuple[str, Callable[[Inputs], Tensor]]] = {
    "losses.class_log_likelihood": ("f s w", lambda x: losses.class_log_likelihood(x.one, x.w)),
    "losses.posterior": ("f s w", lambda x: losses.posterior(x.one, x.w)),
    "losses.identification_logits": ("f s w", lambda x: losses.identification_logits(x.one, x.w)),
    "losses.unit_prototypes": ("w", lambda x: losses.unit_prototypes(x.w)),
    "losses.margin_loss": ("a", lambda x: losses.margin_loss(x.a, x.labels, 3.0)),
    "losses.confidence_regulariser": ("s", lambda x: losses.confidence_regulariser(x.s)),
    "losses.CosFace": ("f w", lambda x: x.criterion(losses.CosFace(N, K, D, 64.0))),
    "losses.ConfidenceLoss": ("f s w", lambda x: x.criterion(losses.ConfidenceLoss(N, K, D, 30.0))),
    "losses.total_loss": ("s a", lambda x: losses.total_loss({"one": x.s[:, 0], "two": 0.1 * x.a[:, 0]})),
    "decorrelation.Discriminator": ("f weight bias", lambda x: x.judge(x.f, x.masks)),
    "decorrelation.discriminator_loss": ("weight bias", lambda x: game.discriminator_loss(*x.judged, x.has)),
    "decorrelation.classification_loss": ("f", lambda x: game.classification_loss(*x.judged, x.has)),
    "decorrelation.adversarial_loss": ("f", lambda x: game.adversarial_loss(*x.judged)),
    "mining.attribute_loss": ("a", lambda x: mining.attribute_loss(x.a[:, :M], x.has)),
    "mining.identity_confusion_loss": ("a", lambda x: mining.identity_confusion_loss(x.a)),
    "mining.identity_loss": ("a", lambda x: mining.identity_loss(x.a, x.labels)),
    "matching.cosine_pairs": ("f g", lambda x: matching.cosine_pairs(x.one, x.other)),
    "matching.cosine_scores": ("f g", lambda x: matching.cosine_scores(x.one, x.other)),
    "matching.likelihood_pairs": ("f g u v", lambda x: matching.likelihood_pairs(x.one, x.other)),
    "matching.likelihood_scores": ("", lambda x: matching.likelihood_scores(x.one, x.other)),
    "matching.likelihood_loss": ("f u", lambda x: matching.likelihood_loss(x.one, x.labels)),
    "matching.fuse": ("f u", lambda x: matching.fuse(x.one, x.labels).features),
}
# Named in the ledger, but there is nothing to differentiate, or no formula to hold an end of a range to.
OTHERS = {
    "embedding.Embedding": "a pair of tensors",
    "losses.new_prototypes": "drawn at random",
    "decorrelation.variation_masks": "drawn at random",
    "decorrelation.sub_embedding_correlation": "a number to report",
    "mining.AttributeModel": "a network: tests/test_mining.py",
    "mining.IdentityDiscriminator": "a network: tests/test_mining.py",
    "matching.fit_variances": "a training: tests/test_model_matching.py",
}
each_case = pytest.mark.parametrize("name", CASES)


def test_every_loss_and_score_of_the_ledger_is_a_case():
    named = {name.removeprefix("salon.model.") for entry in equations() for name in entry.functions}
    assert named == CASES.keys() | OTHERS.keys()


@pytest.mark.parametrize("name", [name for name, (leaves, _) in CASES.items() if leaves])
def test_gradients_are_those_of_small_steps(name):
    leaves, call = CASES[name]
    x = inputs()
    moved = [getattr(x, leaf).requires_grad_() for leaf in leaves.split()]
    assert torch.autograd.gradcheck(lambda *_: call(x), moved)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("case", "size"),
    [("cosine 1", 5), ("cosine -1", 5), ("zero", 5), ("usual", 1e-6), ("usual", 1e4), ("cosine 1", 1e4)],
)
@each_case
def test_extremes_stay_finite(name, case, size, dtype):
    """Values and gradients; a confidence of 1e-6 is a variance of 1e6."""
    leaves, call = CASES[name]
    x = inputs(case, size).map(lambda t: t.to(dtype) if t.is_floating_point() else t)
    moved = [getattr(x, leaf).requires_grad_() for leaf in leaves.split()]
    value = call(x)
    assert value.isfinite().all()
    for slope in torch.autograd.grad(value.float().sum(), moved) if moved else ():
        assert slope.isfinite().all()


@each_case
def test_no_argument_is_changed(name):
    """Neither a number of it nor its version, which counts writes in place."""
    _, call = CASES[name]
    x = inputs()
    given = [getattr(x, field.name) for field in fields(x)]
    before = [(tensor.clone(), tensor._version) for tensor in given]
    call(x)
    for tensor, (copy, version) in zip(given, before, strict=True):
        assert torch.equal(tensor, copy) and tensor._version == version


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: game.discriminator_loss(*x.judged, x.has[:, :2]), r"^labels came as \[4, 2\]; expected \[4, 3\]"),
        (lambda x: game.classification_loss(*x.judged, x.has[:2]), r"^labels came as \[2, 3\]; expected \[4, 3\]"),
        (lambda x: game.sub_embedding_correlation(x.one, x.w, LABELS[:2]), r"^labels came as \[2\]; expected \[4\]"),
        (lambda x: matching.likelihood_loss(x.one, LABELS[:2]), r"^labels came as \[2\]; expected \[4\]"),
        (lambda x: mining.attribute_loss(x.a[0], x.has), r"^logits came as \[5\]; expected \[B, T\]"),
        (lambda x: mining.attribute_loss(x.a, x.has), r"^labels came as \[4, 3\]; expected \[4, 5\]"),
        (lambda x: mining.identity_confusion_loss(x.a[0]), r"^identity_logits came as \[5\]; expected \[B, N\]"),
        (lambda x: mining.identity_loss(x.a[0], LABELS), r"^identity_logits came as \[5\]; expected \[B, N\]"),
        (lambda x: mining.identity_loss(x.a, LABELS[:2]), r"^identities came as \[2\]; expected \[4\]"),
    ],
)
def test_arguments_of_another_shape_are_named(call, says):
    with pytest.raises(SalonError, match=says):
        call(inputs())


# (1) to (9)


def first_part(x):
    """K = 1: the paper's equations before it splits the embedding."""
    x.f, x.s, x.u, x.w = x.f[:, :1], x.s[:, :1], x.u[:, :1], x.w[:, :1]
    return x


def densities(x):
    """Of each image under each identity in each sub-embedding, σ² = 1/s: [B, N, K]."""
    rows = [
        [[density(f[k], w[k], 1 / s[k].item()) for k in range(len(s))] for w in x.w]
        for f, s in zip(x.f, x.s, strict=True)
    ]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("x", [lambda: first_part(inputs()), inputs], ids=["K=1", "K"])
def test_log_likelihood_is_1_and_2_and_posterior_5(x):
    """The log of the density, of several sub-embeddings the mean; the softmax of the loop of (9)."""
    x = x()
    near(losses.class_log_likelihood(x.one, x.w), densities(x).log().mean(2), **EXACT)
    e = slow_logits(x.one, x.w).exp()
    near(losses.posterior(x.one, x.w), e / e.sum(1, keepdim=True), **EXACT)


def test_posterior_follows_from_the_densities_by_bayes():
    """(3), (4): a uniform prior and explicit densities give what `posterior` says by (5)."""
    x = first_part(inputs())
    joint = densities(x)[..., 0] / N
    expected = joint / joint.sum(1, keepdim=True)
    near(losses.posterior(x.one, x.w), expected, **EXACT)
    near(losses.class_log_likelihood(x.one, x.w).softmax(1), expected, **EXACT)


def test_one_sub_embedding_has_the_loss_6():
    """With a confidence for each image; the margin is not multiplied by it."""
    x = first_part(inputs())
    criterion = losses.ConfidenceLoss(N, 1, D, margin=3.0)
    criterion.prototypes = torch.nn.Parameter(x.w)
    slow = slow_margin_loss(slow_logits(x.one, x.w), LABELS, 3.0)
    near(criterion(x.one, LABELS)["identification"], slow, **EXACT)


def test_embedding_and_prototypes_are_7():
    """K unit vectors of D numbers each, whole length √K, and K confidences above 0."""
    e = Recogniser(InputSpec(size=32), K=K, d=D, width=0.25).double()(torch.rand(B, 3, 32, 32))
    w = losses.new_prototypes(N, K, D).double()
    for parts, rows in ((e.features, B), (losses.unit_prototypes(w), N)):
        assert parts.shape == (rows, K, D)
        near(parts.norm(dim=-1), torch.ones(rows, K).double(), **EXACT)
    near(e.flat.norm(dim=1), torch.full((B,), math.sqrt(K)).double(), **EXACT)
    assert e.confidences.shape == (B, K) and (e.confidences > 0).all()


@pytest.mark.parametrize("parts", [1, K])
def test_cosface_is_that_of_pytorch_metric_learning(parts):
    """Values and gradients in float32; with K > 1 on vectors of K unit parts, whose cosine is the mean."""
    from pytorch_metric_learning.losses import CosFaceLoss

    f = unit(B, parts, D).float()
    ours, theirs = losses.CosFace(N, parts, D, 64.0, 0.35), CosFaceLoss(N, parts * D, margin=0.35, scale=64)
    theirs.W.data = ours.prototypes.detach().flatten(1).T.clone()
    x, y = (f.clone().requires_grad_() for _ in range(2))
    one = ours(Embedding(F.normalize(x, dim=-1), torch.ones(B, parts)), LABELS)["identification"].mean()
    other = theirs(F.normalize(y, dim=-1).flatten(1), LABELS)
    one.backward()
    other.backward()
    alike = partial(near, rtol=1e-5, atol=1e-5)
    alike(one, other)
    alike(x.grad, y.grad)
    if parts == 1:  # they bring a prototype to length 1 as a whole, we each part of it
        alike(ours.prototypes.grad.flatten(1), theirs.W.grad.T)


# (11) to (14)


def test_correlation_is_that_of_the_distances_to_the_class_centre():
    """Pearson's, of 1 - w_y·f over the images, and the mean over the K (K - 1) pairs."""
    x = inputs()
    distance = [[1 - float(x.w[y, k].dot(x.f[i, k])) for i, y in enumerate(LABELS)] for k in range(K)]
    pairs = [statistics.correlation(distance[k], distance[n]) for k in range(K) for n in range(K) if k != n]
    fast = game.sub_embedding_correlation(x.one, x.w, LABELS)
    assert fast == pytest.approx(sum(pairs) / len(pairs), rel=1e-9)


def test_total_is_14():
    terms = {"identification": torch.tensor([1.0, 2.0]), "regulariser": torch.tensor([0.25, 0.75])}
    assert losses.total_loss(terms).item() == ((1.0 + 0.25) + (2.0 + 0.75)) / 2


def test_total_names_the_term_and_the_images_that_are_not_finite():
    good, bad = torch.ones(4), torch.tensor([1.0, math.nan, 2.0, math.inf])
    with pytest.raises(SalonError, match=r"adversary.*\[1, 3\]") as raised:
        losses.total_loss({"identification": good, "adversary": bad})
    assert "identification" not in str(raised.value)


# Which parts of the model each term of (14), and the discriminator's own loss (11), moves.
NETWORK = ("backbone", "embedding_head")
UPDATES = {
    "identification": (*NETWORK, "confidence_head", "prototypes"),
    "regulariser": ("backbone", "confidence_head"),
    "classification": NETWORK,
    "adversary": NETWORK,
    "discriminator": ("discriminator",),
}
PARTS = ("backbone", "embedding_head", "confidence_head", "variance_head", "prototypes", "discriminator")


@pytest.fixture
def tiny():
    """All parts of a model, and every term of (14) with the discriminator's own loss, on four images."""
    torch.manual_seed(0)
    recogniser = Recogniser(InputSpec(size=32), K=K, d=D, width=0.25)
    for parameter in recogniser.confidence_head[-1].parameters():
        torch.nn.init.normal_(parameter)  # it starts at zero, which would hide what lies before it
    recogniser.variances_fitted.fill_(True)
    criterion, judge = losses.ConfidenceLoss(N, K, D), game.Discriminator(K, D, M)
    embedding = recogniser(torch.rand(B, 3, 32, 32))
    seen, has = (judge, embedding, game.variation_masks(M, K)), torch.rand(B, M)
    terms = criterion(embedding, LABELS) | {
        "discriminator": game.discriminator_loss(*seen, has),
        "classification": game.classification_loss(*seen, has),
        "adversary": game.adversarial_loss(*seen),
    }
    parts = {name: list(getattr(recogniser, name).parameters()) for name in PARTS[:4]}
    return terms, parts | {"prototypes": [criterion.prototypes], "discriminator": list(judge.parameters())}


@pytest.mark.parametrize("term", UPDATES)
def test_each_term_moves_its_parts_alone(tiny, term):
    """What `UPDATES` names has a slope; no other part is reached at all."""
    terms, parts = tiny
    assert terms.keys() == UPDATES.keys()
    moved = set()
    for name, parameters in parts.items():
        slopes = torch.autograd.grad(terms[term].sum(), parameters, retain_graph=True, allow_unused=True)
        reached = [slope for slope in slopes if slope is not None]
        if reached:
            assert any(slope.abs().max() > 0 for slope in reached), f"{name} is reached by zeros only"
            moved.add(name)
    assert moved == set(UPDATES[term])


# (16)


def test_slope_of_16_in_the_variance_is_that_of_the_fact_sheet():
    """∂score/∂v_k = ½ ‖Δ_k‖² / v_k² - D / 2 v_k, with D numbers in a sub-embedding."""
    x = inputs()
    x.u.requires_grad_()
    matching.likelihood_pairs(x.one, x.other).sum().backward()
    for i in range(B):
        for k in range(K):
            v, squared = x.u[i, k].item() + x.v[i, k].item(), (x.f[i, k] - x.g[i, k]).square().sum().item()
            assert x.u.grad[i, k].item() == pytest.approx(0.5 * squared / v**2 - D / (2 * v), rel=1e-9)
