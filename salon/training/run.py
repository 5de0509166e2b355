"""A training under way: what it holds, how it begins, and how it is kept in a checkpoint and goes on."""

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from salon.faces.people import GENERATOR_VERSION
from salon.faces.variations import VARIATIONS
from salon.model.decorrelation import Discriminator, variation_masks
from salon.model.embedding import Embedding, InputSpec
from salon.model.losses import ConfidenceLoss, CosFace
from salon.model.network import Recogniser
from salon.training import attributes, checkpoints
from salon.training.data import TrainSet
from salon.training.fabric import processes, share_batch_statistics
from salon.training.recipes import Recipe
from salon.training.shipped import model_path
from salon.words import SalonError, short

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Network(nn.Module):
    """What learns by (14), as one module: the recogniser with its criterion."""

    def __init__(self, recogniser: Recogniser, criterion: nn.Module) -> None:
        super().__init__()
        self.recogniser, self.criterion = recogniser, criterion

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Embedding, dict[str, Tensor]]:
        """Embedding of images [B, 1 or 3, H, W] and the criterion's terms, each [B]."""
        embedding = self.recogniser(images)
        return embedding, self.criterion(embedding, labels)


@dataclass
class Run:
    """The recogniser, the criterion, and what decorrelation needs; `history` has the losses."""

    recipe: Recipe
    fabric: "Fabric"  # the processes that take the steps
    recogniser: Recogniser
    criterion: CosFace | ConfidenceLoss
    masks: Tensor | None = None  # the last two only where the recipe decorrelates
    discriminator: Discriminator | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    seconds: float = 0.0  # spent in steps
    impostor_cosine: list[float] = field(default_factory=list)  # of each sub-embedding, after the last step
    source: str = TrainSet.source  # of the faces
    licence: str = TrainSet.licence  # of the weights

    def __post_init__(self) -> None:
        r, fabric, slow = self.recipe, self.fabric, self.recogniser.confidence_head
        slow.requires_grad_(r.loss == "confidence")  # CosFace has a scale of its own
        if not r.per_image:  # the last bias alone learns, while its weights are zero: the same s for every image
            slow[:-1].requires_grad_(False)
            slow[-1].weight.requires_grad_(False)
        share_batch_statistics(fabric, self.recogniser.backbone, self.recogniser.embedding_head)
        # the same weights, called so that the gradients become those of all processes
        self.network = fabric.setup_module(Network(self.recogniser, self.criterion))
        fast = [*self.recogniser.backbone.parameters(), *self.recogniser.embedding_head.parameters()]
        groups = [
            {"params": [*fast, *self.criterion.parameters()], "share": 1.0},
            {"params": [*slow.parameters()], "share": r.confidence_lr, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.SGD(groups, r.lr, 0.9, weight_decay=r.weight_decay, nesterov=True)
        self.optimisers: dict[str, torch.optim.Optimizer] = {"optimiser": self.optimiser}
        self.parts = nn.ModuleDict({"criterion": self.criterion})  # what has weights beside the recogniser
        if self.discriminator is not None:
            self.parts["discriminator"] = self.discriminator.to(self.recogniser.confidence_scale)
            self.optimisers["opponent"] = torch.optim.Adam(self.discriminator.parameters(), r.opponent_lr)

    def to_cpu(self) -> "Run":
        """Bring back everything that has weights; the optimisers' memories stay, for steps are over."""
        for part in (self.recogniser, self.parts):
            part.to("cpu").eval()
        return self

    def compile(self) -> None:
        """Let torch compile everything that has weights, when it is first called."""
        for part in (self.recogniser, *self.parts.values()):
            part.compile()

    def tensors(self) -> dict[str, Tensor]:
        """What resuming needs beside the weights: prototypes, discriminator, masks, the optimisers' memories."""
        state = {"step": torch.tensor(self.step), **self.parts.state_dict()}
        state |= {} if self.masks is None else {"masks": self.masks}
        for name, optimiser in self.optimisers.items():
            for i, memory in optimiser.state_dict()["state"].items():
                state |= {f"{name}.{i}.{k}": torch.as_tensor(v) for k, v in memory.items() if v is not None}
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave; the optimisers' memories are matched by number."""
        self.parts.load_state_dict({name: state[name] for name in self.parts.state_dict()})
        for name, optimiser in self.optimisers.items():
            memories: dict[int, dict[str, Tensor]] = defaultdict(dict)
            for key in (key for key in state if key.startswith(f"{name}.")):
                _, index, entry = key.split(".")
                memories[int(index)][entry] = state[key]
            optimiser.load_state_dict(optimiser.state_dict() | {"state": memories})
        self.masks, self.step = state.get("masks"), int(state["step"])


def begin(recipe: Recipe, fabric: "Fabric | None" = None, source: str = TrainSet.source) -> Run:
    """A run at step 0 on faces of a `source`: new weights, or those of `recipe.start`, and its prototypes if the people
    are the same."""
    torch.manual_seed(recipe.seed)
    r, fabric = recipe, fabric or processes()
    spec = InputSpec(r.size, r.border, r.colour, r.normalise, flip=True)
    recogniser = Recogniser(spec, r.K, r.d, r.backbone, r.width, r.spread, r.places)
    criterion = _criterion(r)
    if r.start:
        _start_from(model_path(r.start), recogniser, criterion, source)
    recogniser.set_confidence(r.s0)
    if not r.decorrelate:
        return Run(r, fabric, recogniser, criterion)
    mined = attributes.load_attributes(model_path(r.mined)).names if r.mined else ()
    M = len(VARIATIONS) + len(mined)
    masks = variation_masks(M, r.K, torch.Generator().manual_seed(r.seed))
    return Run(r, fabric, recogniser, criterion, masks, Discriminator(r.K, r.d, M))


def _criterion(recipe: Recipe) -> CosFace | ConfidenceLoss:
    if recipe.loss == "cosface":
        return CosFace(recipe.people, recipe.K, recipe.d, recipe.scale, recipe.margin)
    if recipe.loss == "confidence":
        return ConfidenceLoss(recipe.people, recipe.K, recipe.d, recipe.margin, recipe.regularise)
    raise SalonError(f"The loss {recipe.loss!r} is not known; expected 'cosface' or 'confidence'.")


def _start_from(path: Path, recogniser: Recogniser, criterion: CosFace | ConfidenceLoss, faces: str) -> None:
    """Take over weights, and the prototypes of the same people, of whom a recipe draws the first; sub-embeddings split
    what was whole."""
    source, card = checkpoints.load(path)
    came, wanted = (
        f"{m.K * m.d} features, width {m.config['width']:g}, {m.spec.size} px" + f", {m.K} places" * m.places
        for m in (source, recogniser)
    )
    if came != wanted:
        raise SalonError(f"{path} has {came}; the recipe wants {wanted}. Change the recipe or the start.")
    for part in ("backbone", "embedding_head"):
        getattr(recogniser, part).load_state_dict(getattr(source, part).state_dict())
    known, own = checkpoints.load_training(path).get("criterion.prototypes"), criterion.prototypes
    if known is not None and len(known) >= len(own) and card.get("trained_on") == faces:
        own.data.copy_(known[: len(own)].reshape(own.shape))


def recipe_fingerprint(recipe: Recipe) -> str:
    """Tells recipes apart, and the models that they name; a field at its default, as every new one, leaves no trace."""
    given = {f.name: getattr(recipe, f.name) for f in fields(recipe) if getattr(recipe, f.name) != f.default}
    for part in ("start", "mined"):
        if given.get(part):
            given[part] = hashlib.sha256(model_path(given[part]).read_bytes()).hexdigest()
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]


def trained_by(card: dict, recipe: Recipe) -> bool:
    """Whether a checkpoint's card tells of this recipe, field by field, and of faces drawn as they are now."""
    known = recipe_fingerprint(recipe), GENERATOR_VERSION
    return (card.get("fingerprint"), card.get("generator")) == known


def restore(run: Run, path: Path) -> None:
    """Go on with the run that `save` left; raises `SalonError` for one of another recipe or on other faces."""
    saved, card = checkpoints.load(path)
    try:
        _expect_the_same(run, path, card)
        run.recogniser.load_state_dict(saved.state_dict())
        run.restore(checkpoints.load_training(path))
        if not 0 <= run.step <= run.recipe.steps:
            raise ValueError(f"step {run.step} of {run.recipe.steps}")
        run.history, run.impostor_cosine = list(card["history"]), list(card.get("impostor_cosine", []))
        run.seconds = float(card.get("seconds", 0.0))
    except SalonError:
        raise
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        what = f"{path} cannot be gone on with ({short(error, 300)}); expected what `salon train` saves"
        raise SalonError(f"{what}. Choose another folder with --out.") from error


def _expect_the_same(run: Run, path: Path, card: dict) -> None:
    """A checkpoint of this recipe, on these faces; else `SalonError`, with the fields that differ."""
    if trained_by(card, run.recipe) and card.get("trained_on") == run.source:
        return
    told = card.get("recipe", {}) | {"trained_on": card.get("trained_on")}
    wanted = json.loads(json.dumps(asdict(run.recipe) | {"trained_on": run.source}))  # as a card has it
    both = {name: (told.get(name, x), x) for name, x in wanted.items()}
    differ = [f"{name} = {short(came)}, expected {short(x)}" for name, (came, x) in both.items() if came != x]
    what = f"{path} was trained by another recipe or on other faces ({'; '.join(differ) or 'of another generator'})"
    raise SalonError(f"{what}. Use the same options, or another folder with --out.")


def save(run: Run, path: str | Path, training: bool = True, **card: object) -> dict:
    """Write the run's checkpoint with its card; without `training`, only what a next one may start from."""
    facts = {
        "recipe": asdict(run.recipe), "seed": run.recipe.seed, "step": run.step, "generator": GENERATOR_VERSION,
        "trained_on": run.source, "licence": run.licence, "fingerprint": recipe_fingerprint(run.recipe),
        "impostor_cosine": run.impostor_cosine,
    }  # fmt: skip
    extra = run.tensors()
    if training:
        facts |= {"history": run.history, "seconds": round(run.seconds, 1)}
    else:
        extra = {name: x for name, x in extra.items() if name in ("criterion.prototypes", "masks")}
        extra["criterion.prototypes"] = extra["criterion.prototypes"].half()  # a third of the file otherwise
    return checkpoints.save(path, run.recogniser, facts | card, extra)
