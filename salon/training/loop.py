"""One visible training loop for every row of the paper's ablation."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm, trange

from salon.faces.people import GENERATOR_VERSION
from salon.faces.variations import VARIATIONS, augment, augment_as_recalled, camera
from salon.model.decorrelation import (
    CONSTANT,
    Discriminator,
    adversarial_loss,
    classification_loss,
    discriminator_loss,
    impostor_cosine,
    variation_masks,
)
from salon.model.embedding import InputSpec
from salon.model.losses import ConfidenceLoss, CosFace, total_loss
from salon.model.matching import fit_variances
from salon.model.network import Recogniser, embed
from salon.paths import data_path
from salon.training import attributes, checkpoints
from salon.training.data import TrainSet, train_set
from salon.training.fabric import (
    PRECISIONS,
    average_gradients,
    launch,
    processes,
    share,
    share_batch_statistics,
    spawns,
    whole,
)
from salon.training.log import Log
from salon.training.recipes import Recipe
from salon.words import SalonError, say

if TYPE_CHECKING:
    from lightning_fabric import Fabric

SAVE_EVERY, LOG_EVERY = 100, 10


@dataclass
class Run:
    """A training under way: the recogniser, the criterion, and what decorrelation needs; `history` has the losses."""

    recipe: Recipe
    recogniser: Recogniser
    criterion: CosFace | ConfidenceLoss
    masks: Tensor | None = None  # the last two only where the recipe decorrelates
    discriminator: Discriminator | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    seconds: float = 0.0  # spent in steps
    impostor_cosine: list[float] = field(
        default_factory=list
    )  # of each sub-embedding, when training has ended
    source: str = TrainSet.source  # of the faces
    licence: str = TrainSet.licence  # of the weights

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
            self.opponent = torch.optim.Adam(self.discriminator.parameters(), lr=r.opponent_lr)

    @cached_property
    def fabric(self) -> "Fabric":
        """The processes that take the steps: this one alone, unless `train` was told otherwise."""
        return processes()

    def to(self, device: str | torch.device, dtype: torch.dtype | None = None) -> "Run":
        """Move everything that has weights; the optimisers' memories stay where they are, for steps are over."""
        for part in (self.recogniser, *self._parts().values()):
            part.to(device, dtype)
        return self

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
    seen = InputSpec(recipe.size, recipe.border, recipe.colour, recipe.normalise, flip=True)
    recogniser = Recogniser(seen, recipe.K, recipe.d, recipe.backbone, recipe.width, recipe.spread)
    criterion = _criterion(recipe)
    if recipe.start:
        _start_from(_model_path(recipe.start), recogniser, criterion)
    recogniser.set_confidence(recipe.s0)
    if not recipe.decorrelate:
        return Run(recipe, recogniser, criterion)
    labelled = len(VARIATIONS) + (
        len(attributes.load_attributes(_model_path(recipe.mined)).names) if recipe.mined else 0
    )
    masks = variation_masks(labelled, recipe.K, torch.Generator().manual_seed(recipe.seed))
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


def train_step(run: Run, data: TrainSet) -> dict[str, Any]:
    """One step of (14): draw, augment, embed, add up the losses, descend; returns the mean of each term.

    Of several processes each embeds its share of the batch; what is returned is of the whole batch.
    """
    r, fabric = run.recipe, run.fabric
    # a seed for each step, so that a resumed run draws the same
    g = torch.Generator().manual_seed(1_000_000 * (r.seed + 1) + run.step)
    device = run.recogniser.confidence_scale.device
    images, labels, variations = (share(fabric, x).to(device) for x in draw_batch(r, data, g))
    run.recogniser.freeze_confidence(r.s0 if run.step < r.frozen * r.steps else None)
    with fabric.autocast():  # bfloat16, where that was asked for
        embedding = run.recogniser.train()(images.expand(-1, 3, -1, -1))
    terms = dict(run.criterion(embedding, labels))
    if run.discriminator is not None and run.masks is not None:
        seen = (run.discriminator, embedding, run.masks)
        for _ in range(r.opponent_steps):
            _oppose(run, discriminator_loss(*seen, variations, r.hide))
        terms["classification"] = r.decorrelate * classification_loss(*seen, variations)
        terms["adversary"] = (r.decorrelate if r.adversary is None else r.adversary) * adversarial_loss(
            *seen, r.hide
        )
    everyone = {name: whole(fabric, term) for name, term in terms.items()}
    loss = _total(run, everyone)
    _descend(run, total_loss(terms))
    embedding, labels = embedding.map(partial(whole, fabric)), whole(fabric, labels)
    means = {name: term.mean().item() for name, term in everyone.items()}
    means |= {"loss": loss.item(), "confidence": embedding.confidences.mean().item()}
    return means | {"impostor_cosine": impostor_cosine(embedding, labels).max().item()}


def draw_batch(r: Recipe, data: TrainSet, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Augmented pictures [B, 1 or 3, size, size], whose they are [B], and which variations each has [B, M (+ T)]."""
    rows = torch.randint(len(data), (r.batch,), generator=g)
    images, turned, labels = data.batch(rows)
    if r.variations == "recalled":
        images, variations = augment_as_recalled(images, turned, g, r.probability)
    else:
        images, variations = augment(images, turned, g, r.probability, r.strength)
    images = camera(images, g) if r.camera else images
    if r.border:
        top, left = torch.randint(r.border + 1, (2,), generator=g).tolist()
        images = images[..., top : top + r.size, left : left + r.size]
    mined = [] if data.attributes is None else [data.attributes[rows]]
    return images, labels, torch.cat([variations, *mined], 1)


def _oppose(run: Run, loss: Tensor) -> None:
    """A step of the discriminator on its own loss (11)."""
    _total(run, {"discriminator": whole(run.fabric, loss)})
    run.opponent.zero_grad()
    run.fabric.backward(loss.mean())
    average_gradients(run.fabric, run.opponent.param_groups[0]["params"])
    run.opponent.step()


def _total(run: Run, terms: dict[str, Tensor]) -> Tensor:
    """(14) of the whole batch, or, from all processes alike, a sentence that says at which step which term broke."""
    try:
        return total_loss(terms)
    except SalonError as error:
        raise SalonError(
            f"Step {run.step} of recipe {run.recipe.name}, seed {run.recipe.seed}: {error}"
        ) from None


def _descend(run: Run, loss: Tensor) -> None:
    rate = run.recipe.lr * learning_rate(run.step, run.recipe.steps)
    for group in run.optimiser.param_groups:
        group["lr"] = rate * group["share"]
    parameters = [p for g in run.optimiser.param_groups for p in g["params"]]
    run.optimiser.zero_grad()
    run.fabric.backward(loss)
    average_gradients(run.fabric, parameters)
    norm = nn.utils.clip_grad_norm_(parameters, 20.0)
    if not torch.isfinite(norm):
        raise SalonError(f"The gradient became {norm.item()} at step {run.step}; lower the recipe's lr.")
    run.optimiser.step()


def fit(run: Run, data: TrainSet, progress: bool = True, log: Log | None = None) -> Iterator[int]:
    """Train on, step by step, to the recipe's end; yields the number of steps done, and tells a `log` of some."""
    with trange(run.step, run.recipe.steps, initial=run.step, total=run.recipe.steps,
                disable=not progress, desc=run.recipe.name, leave=False) as bar:  # fmt: skip
        for _ in bar:
            before = time.perf_counter()
            terms = train_step(run, data)
            run.seconds += time.perf_counter() - before
            if run.step % LOG_EVERY == 0:
                run.history.append({"step": run.step} | terms)
                if log is not None:
                    log(run.history[-1])
                bar.set_postfix(loss=f"{terms['loss']:.2f}", s=f"{terms['confidence']:.1f}")
            run.step += 1
            yield run.step


def fit_variances_afterwards(run: Run, data: TrainSet, steps: int = 250) -> None:
    """The last step of section 3.5: variances on augmented training pictures, everything else frozen."""
    g = torch.Generator().manual_seed(run.recipe.seed)
    first = data.first(min(run.recipe.people, 300))
    straight, turned, labels = first.batch(torch.arange(len(first)))
    images, _ = augment(straight, turned, g, 0.3)
    fit_variances(run.recogniser, images.expand(-1, 3, -1, -1), labels, steps=steps, seed=run.recipe.seed)


def train(
    recipe: Recipe, out: str | Path | None = None, resume: bool = False, progress: bool = True,
    data: TrainSet | None = None, variances: bool = True, compile: bool = False, device: str = "cpu",
    devices: int = 1, precision: str = "32-true", log: Log | None = None,
) -> Run:  # fmt: skip
    """Train by a recipe, then fit the variances; with `out`, save there every 100 steps, so that a kill loses little.

    `resume` goes on from `out` and ends as the unbroken run would have; a finished run is handed back. `compile`
    takes a minute first and pays on a GPU; a small net on a CPU gains little. `device` is where the steps are done
    ("cuda"), in `devices` processes that divide each batch; the run is handed back on the CPU. `log` is told the
    losses. Raises `SalonError` if `out` holds a run of another recipe or on other faces, or one already while
    `resume` is not set; if several processes have no `out` or cannot divide the batch; and as `processes` does.
    """
    fabric = processes(device, devices, precision, recipe.batch)
    path = None if out is None else Path(out) / "model.safetensors"
    _expect_room(path, resume, spawns(fabric))
    if spawns(fabric):
        data = data or train_data(recipe, progress)  # drawn once, and shared
    launched = partial(_train, recipe=recipe, path=path, progress=progress, data=data, variances=variances,
                       compile=compile, precision=precision, log=log)  # fmt: skip
    # spawned processes leave the run in its checkpoint
    return launch(fabric, launched) or train(
        recipe, out, True, progress, data, variances, precision=precision
    )


def _train(
    fabric: "Fabric", recipe: Recipe, path: Path | None, progress: bool, data: TrainSet | None, variances: bool,
    compile: bool, precision: str, log: Log | None,
) -> Run:  # fmt: skip
    """What each process does; the first one alone speaks and writes."""
    run, first = begin(recipe), fabric.is_global_zero
    run.fabric, progress = fabric, progress and first  # type: ignore[misc]
    run.source, run.licence = _origin(recipe, data)
    run.to(fabric.device, PRECISIONS[precision])
    if path is not None and path.exists():
        _resume(run, path)
        if run.step == recipe.steps and (run.recogniser.variances_fitted or not variances):
            run.to("cpu").recogniser.eval()
            return run
    with fabric.rank_zero_first():  # who renders what the cache has not
        data = data or train_data(recipe, progress)
    share_batch_statistics(fabric, run.recogniser.backbone, run.recogniser.embedding_head)
    if compile:
        for part in (run.recogniser, *run._parts().values()):
            part.compile()
    if log is not None and first:
        log.start(run.history)
    for step in fit(run, data, progress, log if first else None):
        if path is not None and first and step % SAVE_EVERY == 0:
            save(run, path)
    run.to("cpu").recogniser.freeze_confidence(recipe.s0 if recipe.frozen >= 1 else None)
    if first:
        watch(run, data)
        if variances and not run.recogniser.variances_fitted:
            fit_variances_afterwards(run, data)
        if path is not None:
            save(run, path)
    run.recogniser.eval()
    return run


def _expect_room(path: Path | None, resume: bool, wanted: bool) -> None:
    if path is None and wanted:
        raise SalonError("Several devices came without a folder; expected `out`, where they leave the model.")
    if path is not None and path.exists() and not resume:
        raise SalonError(
            f"{path} exists already; add --resume to go on with it, or choose another folder with --out."
        )


def _origin(recipe: Recipe, data: TrainSet | None) -> tuple[str, str]:
    """What the card will say of faces and licence: where weights start from some not to be shared, so are they."""
    seen = TrainSet if data is None else data
    card = checkpoints.read_card(_model_path(recipe.start)) if recipe.start else {}
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
    labels = attributes.mined_labels(
        attributes.load_attributes(_model_path(r.mined)), data.batch(torch.arange(len(data)))[0]
    )
    return replace(data, attributes=labels)


def watch(run: Run, data: TrainSet, pictures: int = 1024) -> None:
    """Note the impostor cosine of each sub-embedding, and say so where one has become nearly constant.

    The adversary (13) is content with a sub-embedding that is the same for everybody; the reader should not be.
    """
    first = data.first(max(2, pictures * run.recipe.people // len(data)))
    straight, _, labels = first.batch(torch.arange(len(first)))
    cosines = impostor_cosine(embed(run.recogniser, straight.expand(-1, 3, -1, -1)), labels)
    run.impostor_cosine = [round(c, 3) for c in cosines.tolist()]
    constant = [k for k, c in enumerate(run.impostor_cosine) if c > CONSTANT]
    if constant:
        tqdm.write(say("train.constant", which=", ".join(map(str, constant)), limit=CONSTANT))


def fingerprint(recipe: Recipe) -> str:
    """Tells recipes apart, and the models that they name; a field at its default, as every new one, leaves no trace."""
    given = {f.name: getattr(recipe, f.name) for f in fields(recipe) if getattr(recipe, f.name) != f.default}
    for part in ("start", "mined"):
        if given.get(part):
            given[part] = hashlib.sha256(_model_path(given[part]).read_bytes()).hexdigest()
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]


def trained_by(card: dict, recipe: Recipe) -> bool:
    """Whether a checkpoint's card tells of this recipe, field by field, and of faces drawn as they are now."""
    return card.get("fingerprint") == fingerprint(recipe) and card.get("generator") == GENERATOR_VERSION


def _resume(run: Run, path: Path) -> None:
    saved, card = checkpoints.load(path)
    if not trained_by(card, run.recipe):
        raise SalonError(
            f"{path} was trained by another recipe ({card.get('recipe', {}).get('name', 'unknown')}); expected the "
            f"one asked for ({run.recipe.name}), field by field. Use the same options, or another folder with --out."
        )
    if card.get("trained_on") != run.source:
        raise SalonError(
            f"{path} was trained on {card.get('trained_on', 'unknown faces')}; expected {run.source}. Use the same "
            "faces, or another folder with --out."
        )
    run.recogniser.load_state_dict(saved.state_dict())
    run.restore(checkpoints.load_training(path))
    run.history, run.impostor_cosine = card["history"], card.get("impostor_cosine", [])
    run.seconds = card.get("seconds", 0.0)


def save(run: Run, path: str | Path, training: bool = True, **card: object) -> dict:
    """Write the run's checkpoint with its card; without `training`, only prototypes are kept beside the weights."""
    facts = {
        "recipe": asdict(run.recipe), "seed": run.recipe.seed, "step": run.step, "generator": GENERATOR_VERSION,
        "trained_on": run.source, "licence": run.licence, "fingerprint": fingerprint(run.recipe),
        "impostor_cosine": run.impostor_cosine,
    }  # fmt: skip
    extra = run.tensors()
    if not training:
        extra = {name: x for name, x in extra.items() if name in ("criterion.prototypes", "masks")}
    else:
        facts |= {"history": run.history, "seconds": round(run.seconds, 1)}
    return checkpoints.save(path, run.recogniser, facts | card, extra)
