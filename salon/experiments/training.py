"""One visible training loop for every row of the paper's ablation."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import trange

from salon.experiments import checkpoints
from salon.experiments.data import TrainSet, train_set
from salon.experiments.recipes import Recipe
from salon.faces.people import GENERATOR_VERSION
from salon.faces.variations import VARIATIONS, augment, camera
from salon.model.decorrelation import (
    Discriminator,
    adversarial_loss,
    classification_loss,
    discriminator_loss,
    variation_masks,
)
from salon.model.embedding import InputSpec
from salon.model.losses import ConfidenceLoss, CosFace
from salon.model.matching import fit_variances
from salon.model.network import Recogniser
from salon.paths import data_path
from salon.text import SalonError

SAVE_EVERY, LOG_EVERY = 100, 10


@dataclass
class Run:
    """A training under way: the recogniser, the criterion, and what decorrelation needs; `history` has the losses."""

    recipe: Recipe
    recogniser: Recogniser
    criterion: CosFace | ConfidenceLoss
    masks: Tensor | None = None  # the last two only where the recipe decorrelates
    discriminator: Discriminator | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    step: int = 0

    def __post_init__(self) -> None:
        r, slow = self.recipe, list(self.recogniser.confidence_head.parameters())
        fast = [
            p
            for n, p in self.recogniser.named_parameters()
            if not n.startswith(("confidence_head", "variance_head"))
        ]
        groups = [{"params": [*fast, *self.criterion.parameters()], "share": 1.0},
                  {"params": slow, "share": r.confidence_lr, "weight_decay": 0.0}]  # fmt: skip
        self.optimiser = torch.optim.SGD(
            groups, lr=r.lr, momentum=0.9, nesterov=True, weight_decay=r.weight_decay
        )
        if self.discriminator is not None:
            self.opponent = torch.optim.Adam(self.discriminator.parameters(), lr=3e-3)

    def _parts(self) -> dict[str, nn.Module]:
        parts = {"criterion": self.criterion, "discriminator": self.discriminator}
        return {name: part for name, part in parts.items() if part is not None}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"optimiser": self.optimiser} | ({"opponent": self.opponent} if self.discriminator else {})

    def tensors(self) -> dict[str, Tensor]:
        """What resuming needs beside the weights: prototypes, discriminator, masks, the optimisers' memories."""
        state = {"step": torch.tensor(self.step)} | ({} if self.masks is None else {"masks": self.masks})
        for name, part in self._parts().items():
            state |= {f"{name}.{k}": v for k, v in part.state_dict().items()}
        for name, optimiser in self._optimisers().items():
            for i, memory in optimiser.state_dict()["state"].items():
                state |= {f"{name}.{i}.{k}": torch.as_tensor(v) for k, v in memory.items() if v is not None}
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave; the optimisers' memories are matched by number."""
        for name, part in self._parts().items():
            part.load_state_dict(
                {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
            )
        for name, optimiser in self._optimisers().items():
            memories: dict[int, dict[str, Tensor]] = {}
            for key, value in state.items():
                if key.startswith(f"{name}."):
                    _, index, entry = key.split(".", 2)
                    memories.setdefault(int(index), {})[entry] = value
            optimiser.load_state_dict(optimiser.state_dict() | {"state": memories})
        self.masks, self.step = state.get("masks"), int(state["step"])


def begin(recipe: Recipe) -> Run:
    """A run at step 0: new weights, or those of `recipe.start` with its prototypes where the people are the same."""
    torch.manual_seed(recipe.seed)
    recogniser = Recogniser(
        InputSpec(size=recipe.size, flip=True), K=recipe.K, d=recipe.d, width=recipe.width
    )
    criterion = _criterion(recipe)
    if recipe.start:
        _start_from(_model_path(recipe.start), recogniser, criterion)
    recogniser.set_confidence(recipe.s0)
    if not recipe.decorrelate:
        return Run(recipe, recogniser, criterion)
    masks = variation_masks(len(VARIATIONS), recipe.K, torch.Generator().manual_seed(recipe.seed))
    return Run(recipe, recogniser, criterion, masks, Discriminator(recipe.K, recipe.d, len(masks)))


def _criterion(recipe: Recipe) -> CosFace | ConfidenceLoss:
    if recipe.loss == "cosface":
        return CosFace(recipe.people, recipe.K, recipe.d, recipe.scale, recipe.margin)
    if recipe.loss == "confidence":
        return ConfidenceLoss(recipe.people, recipe.K, recipe.d, recipe.margin, recipe.regularise)
    raise SalonError(f"The loss {recipe.loss!r} is not known; expected 'cosface' or 'confidence'.")


def _model_path(name: str) -> Path:
    """A path as it is, or a shipped model by its name."""
    return Path(name) if name.endswith(".safetensors") else data_path("models", f"{name}.safetensors")


def _start_from(path: Path, recogniser: Recogniser, criterion: CosFace | ConfidenceLoss) -> None:
    """Take over weights, and the prototypes of as many people as both know; sub-embeddings split what was whole."""
    source, _ = checkpoints.load(path)
    both = (source, recogniser)
    came, wanted = (f"{m.K * m.d} features, width {m.config['width']:g}, {m.spec.size} px" for m in both)
    if came != wanted:
        raise SalonError(f"{path} has {came}; the recipe wants {wanted}. Change the recipe or the start.")
    for part in ("backbone", "embedding_head"):
        getattr(recogniser, part).load_state_dict(getattr(source, part).state_dict())
    known = checkpoints.load_training(path).get("criterion.prototypes")
    if known is not None and len(known) >= len(criterion.prototypes):
        criterion.prototypes.data.copy_(
            known[: len(criterion.prototypes)].reshape(criterion.prototypes.shape)
        )


def learning_rate(step: int, steps: int) -> float:
    """The share of the full rate at a step: warm-up over the first twentieth, then half a cosine down to 0."""
    warm = max(1, steps // 20)
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * step / steps))))


def train_step(run: Run, data: TrainSet) -> dict[str, float]:
    """One step of (14): draw, augment, embed, add up the losses, descend; returns the mean of each term."""
    r = run.recipe
    g = torch.Generator().manual_seed(
        1_000_000 * (r.seed + 1) + run.step
    )  # so that a resumed run draws the same
    images, turned, labels = data.batch(torch.randint(len(data), (r.batch,), generator=g))
    images, variations = augment(images, turned, g, r.probability, r.strength)
    images = camera(images, g) if r.camera else images
    run.recogniser.freeze_confidence(r.s0 if run.step < r.frozen * r.steps else None)
    embedding = run.recogniser.train()(images.expand(-1, 3, -1, -1))
    terms = dict(run.criterion(embedding, labels))
    if run.discriminator is not None and run.masks is not None:
        seen = (run.discriminator, embedding, run.masks)
        opposing = discriminator_loss(*seen, variations).mean()
        run.opponent.zero_grad()
        opposing.backward()
        run.opponent.step()
        terms["classification"] = r.decorrelate * classification_loss(*seen, variations)
        terms["adversary"] = r.decorrelate * adversarial_loss(*seen)
    loss = torch.stack([term.mean() for term in terms.values()]).sum()
    _descend(run, loss)
    means = {name: term.detach().mean().item() for name, term in terms.items()}
    return means | {"loss": loss.item(), "confidence": embedding.confidences.detach().mean().item()}


def _descend(run: Run, loss: Tensor) -> None:
    if not torch.isfinite(loss):
        raise SalonError(
            f"The loss became {loss.item()} at step {run.step}; lower the learning rate (recipe field lr)."
        )
    rate = run.recipe.lr * learning_rate(run.step, run.recipe.steps)
    for group in run.optimiser.param_groups:
        group["lr"] = rate * group["share"]
    run.optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([p for g in run.optimiser.param_groups for p in g["params"]], 20.0)
    run.optimiser.step()


def fit(run: Run, data: TrainSet, progress: bool = True) -> Iterator[int]:
    """Train on, step by step, to the recipe's end; yields the number of steps done."""
    with trange(run.step, run.recipe.steps, initial=run.step, total=run.recipe.steps,
                disable=not progress, desc=run.recipe.name, leave=False) as bar:  # fmt: skip
        for _ in bar:
            terms = train_step(run, data)
            if run.step % LOG_EVERY == 0:
                run.history.append({"step": run.step} | terms)
                bar.set_postfix(loss=f"{terms['loss']:.2f}", s=f"{terms['confidence']:.1f}")
            run.step += 1
            yield run.step


def fit_variances_afterwards(run: Run, data: TrainSet, steps: int = 250) -> None:
    """The last step of section 3.5: variances on augmented training pictures, everything else frozen."""
    g = torch.Generator().manual_seed(run.recipe.seed)
    people = min(run.recipe.people, 300)
    straight, turned, labels = data.first(people).batch(torch.arange(len(data.first(people))))
    images, _ = augment(straight, turned, g, 0.3)
    fit_variances(run.recogniser, images.expand(-1, 3, -1, -1), labels, steps=steps, seed=run.recipe.seed)


def train(
    recipe: Recipe, out: str | Path | None = None, resume: bool = False, progress: bool = True,
    data: TrainSet | None = None, variances: bool = True,
) -> Run:  # fmt: skip
    """Train by a recipe, then fit the variances; with `out`, save there every 100 steps, so that a kill loses little.

    `resume` goes on from `out` and ends as the unbroken run would have; a finished run is handed back.
    Raises `SalonError` if `out` holds a run of another recipe, or one already while `resume` is not set.
    """
    run, path = begin(recipe), None if out is None else Path(out) / "model.safetensors"
    if path is not None and path.exists():
        _resume(run, path, resume)
        if run.step == recipe.steps and (run.recogniser.variances_fitted or not variances):
            run.recogniser.eval()
            return run
    data = data or train_set(recipe.people, recipe.images, recipe.size, recipe.yaw, progress=progress)
    for step in fit(run, data, progress):
        if path is not None and step % SAVE_EVERY == 0:
            save(run, path)
    run.recogniser.freeze_confidence(recipe.s0 if recipe.frozen >= 1 else None)
    if variances and not run.recogniser.variances_fitted:
        fit_variances_afterwards(run, data)
    if path is not None:
        save(run, path)
    run.recogniser.eval()
    return run


def _fingerprint(recipe: Recipe) -> str:
    """Tells recipes apart, and the starting points that they name by path."""
    start = hashlib.sha256(_model_path(recipe.start).read_bytes()).hexdigest() if recipe.start else ""
    return hashlib.sha256((json.dumps(asdict(recipe) | {"start": ""}) + start).encode()).hexdigest()[:16]


def trained_by(card: dict, recipe: Recipe) -> bool:
    """Whether a checkpoint's card tells of this recipe, field by field, and of faces drawn as they are now."""
    return card.get("fingerprint") == _fingerprint(recipe) and card.get("generator") == GENERATOR_VERSION


def _resume(run: Run, path: Path, wanted: bool) -> None:
    if not wanted:
        raise SalonError(
            f"{path} exists already; add --resume to go on with it, or choose another folder with --out."
        )
    saved, card = checkpoints.load(path)
    if not trained_by(card, run.recipe):
        raise SalonError(
            f"{path} was trained by another recipe ({card.get('recipe', {}).get('name', 'unknown')}); expected the "
            f"one asked for ({run.recipe.name}), field by field. Use the same options, or another folder with --out."
        )
    run.recogniser.load_state_dict(saved.state_dict())
    run.restore(checkpoints.load_training(path))
    run.history = card["history"]


def save(run: Run, path: str | Path, training: bool = True, **card: object) -> dict:
    """Write the run's checkpoint with its card; without `training`, only prototypes are kept beside the weights."""
    facts = {
        "recipe": asdict(run.recipe), "seed": run.recipe.seed, "step": run.step, "generator": GENERATOR_VERSION,
        "trained_on": "rendered people only", "licence": "CC BY 4.0", "fingerprint": _fingerprint(run.recipe),
    }  # fmt: skip
    extra = run.tensors()
    if not training:
        extra = {name: x for name, x in extra.items() if name in ("criterion.prototypes", "masks")}
    else:
        facts["history"] = run.history
    return checkpoints.save(path, run.recogniser, facts | card, extra)
