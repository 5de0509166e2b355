"""One visible training loop for every row of the paper's ablation."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm, trange

from salon.faces.variations import augment, augment_as_recalled, camera, cover, occlusion
from salon.model.decorrelation import (
    CONSTANT,
    Discriminator,
    adversarial_loss,
    classification_loss,
    discriminator_loss,
    impostor_cosine,
)
from salon.model.embedding import Embedding
from salon.model.losses import total_loss
from salon.model.matching import fit_variances
from salon.model.network import embed
from salon.paths import expect_place
from salon.training import attributes, checkpoints
from salon.training.data import TrainSet, train_set
from salon.training.fabric import processes, share, whole
from salon.training.log import Log
from salon.training.recipes import Recipe
from salon.training.run import Run, begin, restore, save
from salon.training.shipped import model_path
from salon.words import SalonError, say

if TYPE_CHECKING:
    from lightning_fabric import Fabric

SAVE_EVERY, LOG_EVERY = 100, 10


def train_step(run: Run, data: TrainSet) -> dict[str, float]:
    """One step of (14): draw, augment, embed, add up the losses, descend; returns the mean of each term.

    Of several processes each embeds its share of the batch; what is returned is of the whole batch.
    """
    r, fabric = run.recipe, run.fabric
    # a seed for each step, so that a resumed run draws the same
    g = torch.Generator().manual_seed(1_000_000 * (r.seed + 1) + run.step)
    drawn = r if run.step >= r.clean * r.steps else replace(r, probability=0.0)
    images, labels, variations = (x.to(fabric.device) for x in draw_batch(drawn, data, g))
    run.recogniser.train().freeze_confidence(r.s0 if run.step < r.frozen * r.steps else None)
    embedding, terms = run.network(share(fabric, images), share(fabric, labels))
    everyone = embedding.map(partial(whole, fabric))  # the whole batch, without gradient
    if run.discriminator is not None and run.masks is not None:
        teach(run, run.discriminator, everyone, run.masks, variations)
        seen = (run.discriminator, embedding, run.masks)
        adversary = r.decorrelate if r.adversary is None else r.adversary
        terms["classification"] = r.decorrelate * classification_loss(*seen, share(fabric, variations))
        terms["adversary"] = adversary * adversarial_loss(*seen, r.hide)
    terms["loss"] = total_loss(terms)
    descend(run, terms["loss"])
    means = {name: whole(fabric, term).mean().item() for name, term in terms.items()}
    means["confidence"] = everyone.confidences.mean().item()
    return means | {"impostor_cosine": impostor_cosine(everyone, labels).max().item()}


def teach(run: Run, discriminator: Discriminator, everyone: Embedding, masks: Tensor, variations: Tensor) -> None:
    """The discriminator's steps by (11), alike in each process, for it sees the whole batch."""
    opponent = run.optimisers["opponent"]
    for _ in range(run.recipe.opponent_steps):
        opponent.zero_grad()
        loss = discriminator_loss(discriminator, everyone, masks, variations, run.recipe.hide)
        run.fabric.backward(total_loss({"discriminator": loss}))
        opponent.step()


def draw_batch(
    r: Recipe, data: TrainSet, g: torch.Generator, rows: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures [B, 1 or 3, size, size] spoilt as the recipe says, whose they are [B], and the variations [B, M (+ T)].

    The pictures are those at `rows` [B], or drawn by lot.
    """
    rows = torch.randint(len(data), (r.batch,), generator=g) if rows is None else rows
    images, turned, labels = data.batch(rows)
    if r.variations == "recalled":
        images, variations = augment_as_recalled(images, turned, g, r.probability)
    else:
        occlude = cover if r.variations == "covers" else occlusion
        images, variations = augment(images, turned, g, r.probability, r.strength, occlude)
    images = camera(images, g) if r.camera else images
    images = crop(images, r.size, g) if r.border else images
    mined = [] if data.attributes is None else [data.attributes[rows]]
    return images, labels, torch.cat([variations, *mined], 1)


def crop(images: Tensor, size: int, g: torch.Generator) -> Tensor:
    """A square of each picture, each somewhere else: [B, C, H, H] -> [B, C, size, size]."""
    top, left = torch.randint(images.shape[-1] - size + 1, (2, len(images)), generator=g)
    windows = images.unfold(2, size, 1).unfold(3, size, 1)  # [B, C, tops, lefts, size, size], a view
    return windows[torch.arange(len(images)), :, top, left]


WARM = 20  # steps, where the rate stays full for a while: runs of any length then begin alike


def learning_rate(step: int, steps: int, cooldown: float = 1.0) -> float:
    """The share of the full rate at a step: warm-up, and over the last `cooldown` of the steps half a cosine to 0."""
    warm, done = steps // 20 if cooldown == 1 else WARM, step - (1 - cooldown) * steps
    fallen = torch.tensor(torch.pi * max(0.0, done) / (cooldown * steps))
    return min(1.0, (step + 1) / max(1, warm)) * 0.5 * (1 + float(torch.cos(fallen)))


def descend(run: Run, loss: Tensor) -> None:
    """A step of gradient descent at this step's rate; raises `SalonError` for a gradient that is not finite."""
    rate = run.recipe.lr * learning_rate(run.step, run.recipe.steps, run.recipe.cooldown)
    for group in run.optimiser.param_groups:
        group["lr"] = rate * group["share"]
    run.optimiser.zero_grad()
    run.fabric.backward(loss)
    norm = nn.utils.clip_grad_norm_([p for g in run.optimiser.param_groups for p in g["params"]], 20.0)
    if not torch.isfinite(norm):
        raise SalonError(f"The gradient became {norm.item()}; expected a finite one. Lower the recipe's lr.")
    run.optimiser.step()


def fit(run: Run, data: TrainSet, progress: bool = True, log: Log | None = None) -> Iterator[int]:
    """Train on, step by step, to the recipe's end; yields the number of steps done, and tells a `log` of some.

    Raises `SalonError` that says at which step what broke.
    """
    r = run.recipe
    if log is not None:
        log.start(run.history)
    with trange(run.step, r.steps, initial=run.step, total=r.steps,
                disable=not progress, desc=r.name, leave=False) as bar:  # fmt: skip
        for _ in bar:
            before = time.perf_counter()
            try:
                terms = train_step(run, data)
            except SalonError as error:
                raise SalonError(f"Step {run.step} of recipe {r.name}, seed {r.seed}: {error}") from None
            run.seconds += time.perf_counter() - before
            if run.step % LOG_EVERY == 0:
                run.history.append({"step": run.step} | terms)
                if log is not None:
                    log(run.history[-1])
                bar.set_postfix(loss=f"{terms['loss']:.2f}", s=f"{terms['confidence']:.1f}")
            run.step += 1
            yield run.step


def train(
    recipe: Recipe, out: str | Path | None = None, resume: bool = False, progress: bool = True,
    data: TrainSet | None = None, variances: bool = True, compile: bool = False, log: Log | None = None,
    fabric: "Fabric | None" = None,
) -> Run:  # fmt: skip
    """Train by a recipe, then fit the variances; with `out`, save there every 100 steps, so that a kill loses little.

    `resume` goes on from `out` and ends as the unbroken run would have; a finished run is handed back. `compile`
    takes a minute first and pays on a GPU; a small net on a CPU gains little. `log` is told the losses. `fabric`
    (of `processes`; by default one, on a GPU where there is one) takes the steps, and the run is handed back on the
    CPU; the first of several alone writes and speaks, and has the variances. Raises `SalonError` if `out` holds a run
    of another recipe or on other faces, or one already while `resume` is not set; and if processes cannot divide the
    batch.
    """
    fabric = fabric or processes("best")
    path = None if out is None else Path(out) / "model.safetensors"
    _expect_possible(recipe, path, resume, fabric)
    fabric.launch()
    run = begin(recipe, fabric, TrainSet.source if data is None else data.source)
    run.source, run.licence = _origin(recipe, data)
    if path is not None and path.exists():
        restore(run, path)
    if run.step == recipe.steps and (run.recogniser.variances_fitted or not variances):
        return run.to_cpu()
    if not fabric.is_global_zero:  # it works along, but neither writes nor speaks
        path, progress, log = None, False, None
    with fabric.rank_zero_first():  # who renders what the cache has not
        data = data or train_data(recipe, progress)
    if compile:
        run.compile()
    for step in fit(run, data, progress, log):
        if path is not None and step % SAVE_EVERY == 0:
            save(run, path)
    run.to_cpu()
    if fabric.is_global_zero:
        finish(run, data, variances, path)
    return run


def finish(run: Run, data: TrainSet, variances: bool, path: Path | None) -> None:
    """After the last step: watch for constant sub-embeddings, fit the variances that are wished, save."""
    run.recogniser.freeze_confidence(run.recipe.s0 if run.recipe.frozen >= 1 else None)
    watch(run, data)
    if variances and not run.recogniser.variances_fitted:
        fit_variances_afterwards(run, data)
    if path is not None:
        save(run, path)


def _expect_possible(recipe: Recipe, path: Path | None, resume: bool, fabric: "Fabric") -> None:
    if path is not None and path.exists() and not resume:
        raise SalonError(f"{path} exists already; add --resume to go on with it, or choose another --out.")
    if path is not None:
        expect_place(path)
    if recipe.batch % (N := fabric.world_size):
        raise SalonError(
            f"{N} processes came for batches of {recipe.batch}; expected a number that divides them. Ask for another "
            "number of devices, or change the recipe's batch."
        )


def _origin(recipe: Recipe, data: TrainSet | None) -> tuple[str, str]:
    """What the card will say of faces and licence: where weights start from some not to be shared, so are they."""
    seen = TrainSet if data is None else data
    card = checkpoints.read_card(model_path(recipe.start)) if recipe.start else {}
    started = card.get("trained_on", seen.source)
    if started in (TrainSet.source, seen.source):
        return seen.source, seen.licence
    return f"{seen.source}; started from {started}", card.get("licence", seen.licence)


def train_data(recipe: Recipe, progress: bool = True) -> TrainSet:
    """What a recipe trains on, with its mined variations if it wants some."""
    r = recipe
    data = train_set(r.people, r.images, r.size + r.border, r.yaw, "train", progress, r.turned, r.colour)
    if not r.mined:
        return data
    model, straight = attributes.load_attributes(model_path(r.mined)), data.batch(torch.arange(len(data)))[0]
    return replace(data, attributes=attributes.mined_labels(model, straight))


def watch(run: Run, data: TrainSet, pictures: int = 1024) -> None:
    """Note the impostor cosine of each sub-embedding, and say so where one has become nearly constant.

    The adversary (13) is content with a sub-embedding that is the same for everybody; the reader should not be.
    """
    first = data.first(max(2, pictures * run.recipe.people // len(data)))
    straight, _, labels = first.batch(torch.arange(len(first)))
    cosines = impostor_cosine(embed(run.recogniser, straight), labels)
    run.impostor_cosine = [round(c, 3) for c in cosines.tolist()]
    constant = [k for k, c in enumerate(run.impostor_cosine) if c > CONSTANT]
    if constant:
        tqdm.write(say("train.constant", which=", ".join(map(str, constant)), limit=CONSTANT))


def fit_variances_afterwards(run: Run, data: TrainSet, steps: int = 250) -> None:
    """The last step of section 3.5: variances on pictures that are spoilt as in training, everything else frozen."""
    first, seed = data.first(min(run.recipe.people, 300)), run.recipe.seed
    g = torch.Generator().manual_seed(seed)
    images, labels, _ = draw_batch(run.recipe, first, g, torch.arange(len(first)))
    fit_variances(run.recogniser, images, labels, steps=steps, seed=seed)
