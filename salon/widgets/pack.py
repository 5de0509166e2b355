"""A small recogniser as one blob of bytes, which `net.js` runs in a page without a kernel; widgets that carry one."""

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
import traitlets
from torch import Tensor, nn

from salon.faces.variations import MOST_YAW
from salon.figures.explorer import FRAMES, SIZE
from salon.model.network import OwnLinear, Recogniser
from salon.widgets.host import Picture
from salon.words import SalonError

MAGIC = b"URFACE 1"
KNOWN = (nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU, nn.Flatten)  # layers of a backbone that `net.js` can run


@torch.no_grad()
def pack(recogniser: Recogniser) -> bytes:
    """MAGIC, length of the header, number of weights (uint32 each), header as JSON, weights as float16; 1.2 MB.

    Vectors stand in the header: of a bias near -7, a log σ², float16 would lose enough to move σ² by 0.2 %.
    Raises `SalonError` for a backbone other than "small".
    """
    matrices: list[Tensor] = []

    def place(x: Tensor) -> Any:
        if x.dim() < 2:
            return x.tolist()
        matrices.append(x.float().cpu().flatten())
        return {"at": sum(map(len, matrices[:-1])), "count": x.numel()}

    header = json.dumps(_contents(recogniser), default=place, separators=(",", ":")).encode()
    weights = torch.cat(matrices).half().numpy().astype("<f2")
    return MAGIC + struct.pack("<II", len(header), len(weights)) + header + weights.tobytes()


def squeeze(blob: bytes) -> bytes:
    """A blob for a page, a seventh smaller: deflate finds more in all even bytes followed by all odd ones."""
    return zlib.compress(blob[::2] + blob[1::2], 9)


def _contents(r: Recogniser) -> dict[str, Any]:
    """All that the answers hang on, by the names of `Recogniser`; `parts` is how many places are looked at."""
    layers: list[Any] = list(r.backbone.children())
    if not all(isinstance(layer, KNOWN) for layer in layers):
        name = r.config["backbone"]
        raise SalonError(f"The backbone {name!r} came; a page runs 'small' only. Let the kernel answer for this model.")
    backbone = [_convolution(*layers[i : i + 3]) for i in range(0, len(layers) - 1, 3)]
    head = r.variance_head
    return {
        "K": r.K, "d": r.d, "parts": r.K if r.places else 1, "spec": asdict(r.spec), "backbone": backbone,
        "heads": _heads(r, len(backbone[-1]["bias"])), "scale": r.confidence_scale, "spread": r.spread,
        "frozen": r.frozen_confidence, "gamma": head.gamma, "beta": head.beta, "floor": head.floor + 1e-6,
    }  # fmt: skip


def _heads(r: Recogniser, C: int) -> dict[str, Any]:
    """The layers of each head, the first of them on C channels; the variance head only once it is fitted."""
    hidden, prelu, last = r.confidence_head
    heads = {"embedding": [_dense(r.embedding_head[0], r.embedding_head[1], C)]}
    heads["confidence"] = [_dense(hidden, None, C, next(prelu.parameters()).squeeze()), _dense(last)]
    if r.variances_fitted:
        hidden, norm, _, last, last_norm = r.variance_head.layers
        heads["variance"] = [_dense(hidden, norm, C, 0.0), _dense(last, last_norm)]
    return heads


def _convolution(conv: Any, norm: Any, bend: Any) -> dict[str, Any]:
    """Filters [O, C, k, k] as rows [O, k*k*C], in the order in which `net.js` reads a neighbourhood."""
    weight, bias = _folded(conv.weight.permute(0, 2, 3, 1).flatten(1), conv.weight.new_zeros(()), norm)
    shape = {"kernel": conv.kernel_size[0], "stride": conv.stride[0]}
    return {"weight": weight, "bias": bias, "slope": bend.negative_slope, **shape}


def _dense(linear: Any, norm: Any = None, C: int = 1, slope: Any = 1.0) -> dict[str, Any]:
    """Rows [O, H*W*C] of a layer that was trained on [C, H, W]; those of each part one after the other."""
    own: list[Any] = [*linear.layers] if isinstance(linear, OwnLinear) else [linear]
    weight = torch.cat([layer.weight.unflatten(1, (C, -1)).transpose(1, 2).flatten(1) for layer in own])
    bias = weight.new_zeros(len(weight)) if own[0].bias is None else torch.cat([layer.bias for layer in own])
    weight, bias = _folded(weight, bias, norm) if norm else (weight, bias)
    return {"weight": weight, "bias": bias, "slope": slope}


def _folded(weight: Tensor, bias: Tensor, norm: Any) -> tuple[Tensor, Tensor]:
    """Weight [O, n] and bias [O] with the batch normalisation behind them folded in."""
    scale = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
    shift = (bias - norm.running_mean) * scale + (0 if norm.bias is None else norm.bias)
    return weight * scale[:, None], shift


class NetworkPicture(Picture):
    """A widget that carries a recogniser, and faces [n * FRAMES, 3, SIZE, SIZE], bytes: each as it turns.

    A backbone that no page can run is answered for by the kernel, in the plain form; `refusal` is then the sentence
    that says why.
    """

    network = traitlets.Bytes().tag(sync=True)  # what `pack` wrote; assign another, and that one answers
    faces = traitlets.Bytes().tag(sync=True)  # what `squeeze_faces` wrote
    facts = traitlets.Dict().tag(sync=True)

    def __init__(self, recogniser: Recogniser, draw: Callable[[], Tensor], lang: str | None, **facts: Any) -> None:
        self.recogniser, self.refusal = recogniser, ""
        super().__init__(lang, facts=facts | {"tile": SIZE, "frames": FRAMES, "yaw": MOST_YAW})
        try:
            self.network = pack(recogniser)
        except SalonError as error:
            self.refusal = str(error)
        else:
            self.faces = squeeze_faces(draw())

    def carried(self) -> dict[str, Any]:
        """The network smaller than a kernel sends it."""
        return super().carried() | {"network": squeeze(self.network)}


def squeeze_faces(faces: Tensor) -> bytes:
    """Faces [n, 3, H, H], bytes, for `readFaces`: red and blue less green, each row less the one above."""
    red, green, blue = faces.unbind(1)
    planes = torch.stack([red - green, green, blue - green], 1)  # mod 256
    rows = torch.cat([planes[:, :, :1], planes[:, :, 1:] - planes[:, :, :-1]], 2)
    deflate = zlib.compressobj(9, strategy=zlib.Z_RLE)  # little is said twice in them: a twentieth smaller
    return deflate.compress(rows.numpy().tobytes()) + deflate.flush()
