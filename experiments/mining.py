"""Mined variations: attribute models of rendered people, and whether their features tell who is who (15)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from tqdm.auto import trange

from experiments.bootstrap import bootstrap_interval
from experiments.celeba import COLUMNS, read_celeba
from experiments.tables import write_table
from salon.evaluation.intervals import Interval, t_interval
from salon.evaluation.results import labelled, row
from salon.faces.people import GENERATOR_VERSION, People, split_people
from salon.faces.render import sample_views
from salon.faces.variations import camera
from salon.model.embedding import LUMA, InputSpec
from salon.model.mining import (
    AttributeModel,
    IdentityDiscriminator,
    attribute_loss,
    identity_confusion_loss,
    identity_loss,
)
from salon.model.network import evaluating
from salon.paths import data_root
from salon.training import checkpoints
from salon.training.attributes import attribute_features, mined_labels
from salon.training.data import kept, render_bytes
from salon.words import SalonError

PER_IMAGE = ("smile", "mouth_open", "eyes_closed", "glasses")
PER_PERSON = ("young", "beard")
LEAST = {"eyes_closed": 0.75}  # from which strength an attribute is there, if not 0.5: half closed is not closed
MIDDLE_AGE = 49.0  # years: half of the rendered people are younger
KINDS = {"per image": PER_IMAGE, "per person": PER_PERSON}
ADVERSARY = {"adversary": 1.0, "no adversary": 0.0}
SEEDS = (0, 1, 2)
TRAIN_PEOPLE, TRAIN_PICTURES, TEST_PEOPLE, TEST_PICTURES = 800, 8, 30, 48


@dataclass(frozen=True)
class AttributeSet:
    """Grey pictures as bytes [n, size, size], labels [n, T] in 0..1 of the named attributes, identities [n]."""

    images: Tensor
    labels: Tensor
    identities: Tensor
    names: tuple[str, ...] = PER_IMAGE + PER_PERSON

    def __post_init__(self) -> None:
        lengths = {len(self.images), len(self.labels), len(self.identities)}
        if len(lengths) > 1 or self.labels.shape[1:] != (len(self.names),) or 0 in lengths:
            raise SalonError(
                f"{len(self.images)} pictures came with labels {list(self.labels.shape)} and {len(self.identities)} "
                f"identities; expected as many of each, and a label for each of {', '.join(self.names)}."
            )

    def __len__(self) -> int:
        return len(self.images)

    def only(self, names: Sequence[str]) -> "AttributeSet":
        """The same pictures with the labels of these attributes alone."""
        unknown = [name for name in names if name not in self.names]
        if unknown or not names:
            raise SalonError(f"The attributes {list(names)} were asked for; expected some of {', '.join(self.names)}.")
        columns = [self.names.index(name) for name in names]
        return replace(self, labels=self.labels[:, columns], names=tuple(names))

    @property
    def pictures(self) -> Tensor:
        """All pictures [n, 1, size, size] in 0..1."""
        return self.images[:, None].float() / 255

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures [B, 1, size, size] in 0..1, labels [B, T] and identities [B]."""
        return self.images[rows][:, None].float() / 255, self.labels[rows], self.identities[rows]


# --- rendered people whose attributes are known


def rendered_attributes(
    split: str, people: int, images: int, size: int = 48, first: int = 0, progress: bool = False
) -> AttributeSet:
    """`images` pictures of each of `people` people of a split from number `first` on, kept in the cache.

    Each per-image attribute is there with chance 1/2, independently of all else, at a strength from its least to 1.
    """
    name = f"attributes2-{split}-v{GENERATOR_VERSION}-{first}+{people}x{images}-{size}px"
    made = kept(name, ("images", "labels", "identities"), lambda: _draw(split, people, images, size, first, progress))
    return AttributeSet(made["images"], made["labels"], made["identities"])


def _draw(split: str, people: int, images: int, size: int, first: int, progress: bool) -> dict[str, Tensor]:
    who = with_even_beards(split_people(split, first + people)[first:])
    identities = torch.arange(people).repeat_interleave(images)
    g = torch.Generator().manual_seed(first + 31)
    there = (torch.rand(len(identities), len(PER_IMAGE), generator=g) < 0.5).float()
    least = torch.tensor([LEAST.get(name, 0.5) for name in PER_IMAGE])
    strength = there * (least + (1 - least) * torch.rand(there.shape, generator=g))
    held: dict[str, Any] = dict(zip(PER_IMAGE, strength.unbind(1), strict=True))
    views = sample_views(len(identities), seed=first + 32, shave=0.0, **held)
    persons = torch.stack([who.years < MIDDLE_AGE, has_beard(who)], 1).float()[identities]
    pictures = render_bytes(who[identities], views, size, "grey", progress)[:, 0]
    return {"images": pictures, "labels": torch.cat([there, persons], 1), "identities": identities}


def with_even_beards(people: People) -> People:
    """The same people, but half of them, those of an even number, are men with a beard."""
    bearded = torch.arange(len(people)) % 2 == 0
    men, beard = people.trait("masculine"), people.trait("beard")
    people = people.with_trait("masculine", torch.where(bearded, men.abs().clamp(min=0.5), men))
    return people.with_trait("beard", torch.where(bearded, beard.abs().clamp(min=0.9), -beard.abs() - 0.5))


def has_beard(people: People) -> Tensor:
    """Who wears a beard when not shaved [N]: men in whom the trait is above where `anatomy` begins to draw one."""
    return (people.trait("masculine") > 0) & (people.trait("beard") > 0.45)


# --- training


def train_attributes(
    seed: int = 0, data: AttributeSet | None = None, weight: float = 1.0, steps: int = 800, identity_steps: int = 2,
    batch: int = 64, lr: float = 0.05, width: float = 0.5, augment: bool = False, progress: bool = False,
) -> AttributeModel:  # fmt: skip
    """An attribute model by (15): steps of D_A and of θ_A in turn; by default of rendered people, per image.

    `weight` is what that of the adversarial term grows to, step by step (0: none), `identity_steps` how many steps
    D_A takes for each of θ_A, `augment` adds what cameras do. Raises `SalonError` where a loss is not finite.
    """
    torch.manual_seed(seed)
    data = data or training_people(progress).only(PER_IMAGE)
    model = AttributeModel(data.names, InputSpec(size=data.images.shape[-1]), width)
    opponent = IdentityDiscriminator(len(data.names), int(data.identities.max()) + 1)
    theirs = torch.optim.Adam(opponent.parameters(), lr=3e-3)
    ours = torch.optim.SGD(model.parameters(), lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(ours, lr, total_steps=steps + 1)
    g = torch.Generator().manual_seed(seed)
    for step in trange(steps, desc="attributes", disable=not progress, leave=False):
        images, labels, who = data.batch(torch.randint(len(data), (batch,), generator=g))
        images = camera(images, g) if augment else _half_mirrored(images)
        h, logits = model(images)
        loss = attribute_loss(logits, labels).mean()
        if weight:
            for _ in range(identity_steps):
                _descend(theirs, identity_loss(opponent(h.detach()), who).mean(), step)
            loss = loss + weight * step / steps * identity_confusion_loss(opponent(h, frozen=True)).mean()
        _descend(ours, loss, step)
        schedule.step()
    return model.eval()


def _half_mirrored(images: Tensor) -> Tensor:
    """The first half of the batch mirrored: none of the attributes has a side."""
    return torch.cat([images[: len(images) // 2].flip(-1), images[len(images) // 2 :]])


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor, step: int) -> None:
    if not torch.isfinite(loss):
        raise SalonError(f"The loss became {loss.item()} at step {step}; lower lr or weight of train_attributes.")
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def training_people(progress: bool = False) -> AttributeSet:
    """The rendered people that the stored models are trained on, of all attributes."""
    return rendered_attributes("train", TRAIN_PEOPLE, TRAIN_PICTURES, progress=progress)


def celeba_attributes(
    folder: str | Path, people: int | None = None, split: str = "train", size: int = 48
) -> AttributeSet:
    """Pictures, attributes and identities of a user's CelebA for `train_attributes`; raises as `read_celeba` does."""
    images, labels, identities = read_celeba(folder, split, size, people)
    luma = torch.tensor(LUMA)[:, None, None]
    grey = torch.cat([(part * luma).sum(1).round().byte() for part in images.split(512)])
    return AttributeSet(grey, labels, identities, tuple(COLUMNS))


# --- does it tell who is who?


def accuracies(model: AttributeModel, data: AttributeSet) -> dict[str, float]:
    """Balanced accuracy, 0..1 (chance 1/2), of each attribute on pictures of people whom the model never saw."""
    guessed = (mined_labels(model, data.pictures) > 0.5).numpy()
    truth = data.labels.numpy() > 0.5
    return {name: float(balanced_accuracy_score(truth[:, t], guessed[:, t])) for t, name in enumerate(data.names)}


def identity_hits(features: Tensor, identities: Tensor, probe: str = "logistic", seed: int = 0) -> NDArray[np.float64]:
    """For each person the share [N] of pictures that a fresh probe, from features [n, d], gives to the right person.

    Three folds of the pictures: each is guessed by a probe that saw the others. `probe` is one of `PROBES`.
    """
    x, y = features.numpy(), identities.numpy()
    guessed = cross_val_predict(PROBES[probe](seed), x, y, cv=StratifiedKFold(3, shuffle=True, random_state=seed))
    return np.bincount(y, guessed == y) / np.bincount(y)


def _forest(seed: int) -> RandomForestClassifier:
    """Sees whatever order there is among the features, however closely the tanh presses them together."""
    return RandomForestClassifier(100, min_samples_leaf=4, random_state=seed)


def _logistic(seed: int) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, random_state=seed))


PROBES: dict[str, Callable[[int], ClassifierMixin]] = {"logistic": _logistic, "forest": _forest}


def measured(seed: int, names: Sequence[str], weight: float) -> tuple[list[dict], dict[str, NDArray]]:
    """An attribute model trained and tried on people it never saw (others for each seed): rows, and for each probe the
    excess [N] of each person's hits from h over those from the true labels."""
    model = train_attributes(seed, training_people().only(names), weight)
    data = rendered_attributes("test", TEST_PEOPLE, TEST_PICTURES, first=seed * TEST_PEOPLE).only(names)
    h = attribute_features(model, data.pictures)[0]
    found = [("balanced_accuracy", name, value) for name, value in accuracies(model, data).items()]
    with evaluating(model):  # the control: what the same probe finds where nothing was thrown away
        control = identity_hits(model.trunk(data.pictures), data.identities, seed=seed)
    found += [("identity_logistic", "backbone", float(control.mean()))]
    excess = {}
    for probe in PROBES:
        hits = {what: identity_hits(x, data.identities, probe, seed) for what, x in (("h", h), ("labels", data.labels))}
        excess[probe] = hits["h"] - hits["labels"]
        found += [(f"identity_{probe}", what, float(x.mean())) for what, x in hits.items()]
        found += [(f"identity_{probe}", "excess", float(excess[probe].mean()))]
    return [row(condition, metric, value, len(data)) for metric, condition, value in found], excess


def reproduce_mining() -> Path:
    """Attributes of unseen people, and the identity in their features, with the adversary of (15) and without."""
    rows, intervals = [], {}
    for kind, names in KINDS.items():
        for label, weight in ADVERSARY.items():
            configuration, excesses = f"{kind}, {label}", []
            for seed in SEEDS:
                part, excess = measured(seed, names, weight)
                rows += labelled(part, configuration, "mining", seed)
                excesses.append(excess)
            intervals[configuration] = _intervals(
                [row for row in rows if row["configuration"] == configuration], excesses
            )
    return write_table(
        "mining", rows, "salon reproduce mining", intervals=intervals, chance=1 / TEST_PEOPLE, adversary=ADVERSARY,
        people={"train": TRAIN_PEOPLE, "test": f"{TEST_PEOPLE} for each seed"},
        pictures_each={"train": TRAIN_PICTURES, "test": TEST_PICTURES},
        excess_is="hits of a fresh probe on h less its hits on the true labels: same people, pictures and folds",
        interval_is="estimate, low, high of 95 %: Student's over seeds; of excess, bootstrap over all people",
    )  # fmt: skip


def _intervals(rows: list[dict], excesses: list[dict[str, NDArray]]) -> dict[str, dict[str, Interval]]:
    """Estimate, lower and upper end: of each attribute's accuracy over seeds, of each probe's excess over people."""
    values: dict[str, list[float]] = {}
    for one in rows:
        if one["metric"] == "balanced_accuracy":
            values.setdefault(one["condition"], []).append(one["value"])
    return {
        "balanced_accuracy": {name: t_interval(x) for name, x in values.items()},
        "excess": {p: bootstrap_interval(np.concatenate([seed[p] for seed in excesses])) for p in PROBES},
        "excess_over_seeds": {p: t_interval([seed[p].mean() for seed in excesses]) for p in PROBES},
    }


def ship_attributes() -> Path:
    """Train the model of per-image attributes and write it to data/models."""
    path = data_root() / "models" / "attributes.safetensors"
    card = {"seed": 0, "generator": GENERATOR_VERSION, "trained_on": "rendered people only",
            "licence": "CC BY 4.0", "made_by": "make refresh"}  # fmt: skip
    checkpoints.save(path, train_attributes(0), card)
    return path
