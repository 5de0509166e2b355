"""How each model is trained: one dataclass that prints itself; a recipe by another name is a changed copy."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from salon.words import SalonError, entry, expect_whole, short


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run, seed included."""

    name: str
    # the people that are rendered, once, and kept in the cache
    people: int = 600
    images: int = 8  # of each person, each both straight and turned away
    yaw: float = 20.0  # degrees that a straight picture may turn
    turned: tuple[float, float] = (30.0, 70.0)  # degrees that the picture turned away is turned by
    colour: str = "grey"  # or "rgb"
    # the network
    size: int = 48
    border: int = 0  # pixels drawn beyond that: cut off at random in training, evenly in a test
    normalise: str = "per_image"  # or "fixed"
    backbone: str = "small"  # or one of torchvision's ResNets
    K: int = 1
    d: int = 128
    width: float = 1.0
    places: bool = False  # ours: sub-embedding k sees its own part of the picture only
    start: str = ""  # a checkpoint to go on from: a path, or the name of a shipped model
    # the loss
    loss: str = "cosface"  # or "confidence"
    scale: float = 20.0  # CosFace's s
    margin: float = 0.35  # CosFace's, a cosine; the logit's for "confidence" (about 0.4 s0)
    s0: float = 20.0  # the confidence that learning starts from
    spread: float = 4.0  # a confidence stays within s0 exp(±spread)
    regularise: float = 0.002  # lambda_reg of (14)
    frozen: float = 0.10  # the share of the steps for which the confidence is held at s0; 1 is control C0
    confidence_lr: float = 0.05  # the confidence head learns that much slower, or it collapses
    per_image: bool = True  # a confidence for each image; False is control S: one that is learned for all images
    decorrelate: float = 0.0  # lambda_cls of (14); 0: no decorrelation
    adversary: float | None = None  # lambda_adv of (14); None: the same
    hide: str = "others"  # (13): V_t hides the other variations; or "rest": what is not in V_t hides t
    opponent_lr: float = 3e-3  # of the discriminator (11)
    opponent_steps: int = 1  # of the discriminator for one of the network
    mined: str = ""  # an attribute model (15) that labels further variations: a path, or a shipped one
    # the pictures
    variations: str = "graded"  # or "covers": from one side; or "recalled": as the paper's are recalled
    probability: float = 0.0  # of each of the three variations
    clean: float = 0.0  # the first share of the steps, without variations: a network is lost that begins with them
    strength: float = 1.0
    camera: bool = False  # framing, contrast and noise as snapshots have them
    # the descent
    steps: int = 600
    batch: int = 96
    lr: float = 0.05
    cooldown: float = 1.0  # the last share of the steps, in which the rate falls; less than all: after full rate
    weight_decay: float = 5e-4
    seed: int = 0

    def __post_init__(self) -> None:
        for f in fields(self):
            name, came = f"A recipe's {f.name}", getattr(self, f.name)
            if f.type is int:
                least = int(f.name not in ("border", "opponent_steps", "seed"))
                object.__setattr__(self, f.name, expect_whole(name, came, least))
            elif f.type in (float, float | None) and came is not f.default and not _is_measure(came):
                raise SalonError(f"{name} came as {short(came)}; expected a finite number, 0 or more.")
        if self.variations not in ("graded", "covers", "recalled") or self.cooldown == 0:
            came = f"The variations {self.variations!r} and a cooldown of {self.cooldown:g} came"
            raise SalonError(f"{came}; expected 'graded', 'covers' or 'recalled', and a cooldown above 0.")

    def __str__(self) -> str:
        lines = [f"  {f.name} = {getattr(self, f.name)!r}" for f in fields(self)[1:]]
        if self.name == "paper":
            tags = (entry("paper").get(f.name, "ours") for f in fields(self)[1:])
            lines = [f"{line:40}# {tag}" for line, tag in zip(lines, tags, strict=True)]
        return "\n".join([f"recipe {self.name}", *lines])


def _is_measure(came: object) -> bool:
    return isinstance(came, int | float) and 0 <= came < math.inf


_TUNED: dict[str, Any] = {"start": "start", "probability": 0.3, "steps": 400}
_SHIPPED: dict[str, Any] = {"people": 3000, "lr": 0.1}  # more people than such a network fits at once
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("start", steps=1200, **_SHIPPED),
        Recipe("cosface", **_TUNED),
        Recipe("confidence", loss="confidence", margin=8.0, **_TUNED),
        # for real faces too: framed and lit as snapshots are
        Recipe("photo", start="start", scale=24.0, margin=0.25, camera=True, steps=1600, **_SHIPPED),
        # parts that specialise: E-λ2 of the main experiment
        Recipe("lecture", start="start", loss="confidence", margin=5.0, regularise=0.008, frozen=0.0125, K=8, d=16,
               probability=0.3, decorrelate=2.0, hide="rest", opponent_lr=1e-3, steps=3200, cooldown=0.2, **_SHIPPED),
        # parts that look at places, from scratch, for no other network has their shape
        Recipe("places", loss="confidence", margin=5.0, regularise=0.008, frozen=0.31, K=4, d=32, places=True,
               width=0.625, variations="covers", probability=0.3, clean=0.3, steps=3600, cooldown=0.4, **_SHIPPED),
        # about 200 s on one thread; without variations, so that nobody need be rendered turned away
        Recipe("gap", people=1000, yaw=30.0, camera=True, scale=24.0, margin=0.25, steps=1600, lr=0.1),
        # 27 epochs of 10,000 people: for a GPU, and a day; `salon train paper --steps 20` shows that it runs
        Recipe("paper", people=10_000, images=20, yaw=20.0, turned=(40.0, 60.0), colour="rgb", size=100, border=10,
               normalise="fixed", backbone="resnet101", K=16, d=32, loss="confidence", margin=30.0, s0=64.0,
               regularise=0.001, decorrelate=2.0, adversary=2.0, variations="recalled", probability=0.3,
               steps=27 * 10_000 * 20 // 256, batch=256, lr=0.1),
        Recipe("tiny", people=12, images=4, size=32, d=16, width=0.5, steps=12, batch=16),
    )
}  # fmt: skip


def recipe(name: str, **changes: object) -> Recipe:
    """The recipe called `name`, with some fields changed; raises `SalonError` for an unknown name or field."""
    if name not in RECIPES:
        raise SalonError(f"The recipe {name!r} is not known; expected one of {', '.join(RECIPES)}.")
    unknown = ", ".join(sorted(changes.keys() - {f.name for f in fields(Recipe)}))
    if unknown:
        raise SalonError(f"A recipe has no {unknown}; `print(recipe({name!r}))` shows its fields.")
    return replace(RECIPES[name], **changes)  # type: ignore[arg-type]
