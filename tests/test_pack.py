"""The network and the degradations in JavaScript, in Node and in a browser, held to those in torch."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import salon
from salon.faces.people import sample_people
from salon.faces.render import render, sample_views
from salon.faces.variations import block_order, degrade
from salon.model.embedding import Embedding, InputSpec
from salon.model.matching import cosine_scores, likelihood_scores
from salon.model.network import Recogniser, embed
from salon.training.shipped import NAMES
from salon.widgets.host import source
from salon.widgets.pack import pack
from salon.words import SalonError

NUMBERS = ("features", "confidences", "variances")  # of an embedding
# A function's body sees `js`, as a widget has it, the `data` given, and the `pictures` among them.
FRAME = """async ({ script, data }) => {
  const js = await import("data:text/javascript;base64," + script);
  const floats = (text) => new Float32Array(js.toBytes(text).buffer);
  const pictures = data.pictures.map((text) => js.toPicture(floats(text), data.size));
  const error = (call) => { try { call(); } catch (error) { return error.message; } };
  BODY }"""


def coded(content: bytes | Tensor) -> str:
    return base64.b64encode(content if isinstance(content, bytes) else content.numpy().tobytes()).decode()


@pytest.fixture(params=["node", pytest.param("chromium", marks=pytest.mark.browser)])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`run(body, pictures, **data)`: what JavaScript returns, in Node and in the browser."""
    if request.param == "node" and shutil.which("node") is None:
        pytest.skip("no Node on the PATH; the browser runs the same")
    script = coded(source("common.js", "net.js", "picture.js").encode())

    def run(body: str, pictures: Tensor | tuple = (), **data: Any) -> Any:
        data |= {"pictures": [coded(picture) for picture in pictures], "size": len(pictures) and pictures.shape[-1]}
        given, code = {"script": script, "data": data}, FRAME.replace("BODY", body)
        if request.param == "node":
            return in_node(code, json.dumps(given))
        page = request.getfixturevalue("chromium").new_page()
        try:
            return page.evaluate(code, given)
        finally:
            page.close()

    return run


def in_node(code: str, given: str) -> Any:
    code = f"""let given = ""; for await (const part of process.stdin) given += part;
      process.stdout.write(JSON.stringify(await ({code})(JSON.parse(given))));"""
    command = ["node", "--input-type=module", "--eval", code]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-1500:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def faces() -> Tensor:
    """Pictures [48, 3, 64, 64]: twelve people straight, turned, with fewer pixels, behind blocks."""
    people, strengths = sample_people(12, seed=4), torch.linspace(0.2, 1, 12)
    straight, turned = (render(people, sample_views(12, seed=1, yaw=yaw), 64) for yaw in (10.0, 75.0))
    spoilt = [degrade(straight, name, strengths, seed=2) for name in ("low_resolution", "occlusion")]
    return torch.cat([straight, turned, *spoilt])


def expect_agreement(run: Callable, recogniser: Recogniser, pictures: Tensor) -> None:
    """Within what weights of float16 lose; variances, an exponential, twice that."""
    here, body = embed(recogniser, pictures), "js.forward(net, js.views(picture, net.spec))"
    body = f"const net = js.openNetwork(data.blob); return pictures.map((picture) => {body});"
    rows = run(body, pictures, blob=coded(pack(recogniser)))
    assert len(rows) == len(pictures) and (rows[0]["variances"] is None) == (here.variances is None)
    there = Embedding(*(torch.tensor([row[name] for row in rows]) for name in NUMBERS if rows[0][name]))
    assert (here.features - there.features).abs().max() < 1e-3
    assert (there.confidences / here.confidences - 1).abs().max() < 1e-3
    assert here.variances is None or (there.fitted / here.fitted - 1).abs().max() < 2e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_page_sees_what_a_shipped_model_sees(run, faces: Tensor, name: str):
    expect_agreement(run, salon.load(name), faces)


def lived(recogniser: Recogniser) -> Recogniser:
    """As if trained: statistics and last layers of a random kind, variances fitted, one of them with a floor."""
    for norm in (part for part in recogniser.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
        if norm.affine:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, 0, 0.2)
    for parameter in recogniser.confidence_head[-1].parameters():
        nn.init.normal_(parameter, 0, 0.1)
    nn.init.constant_(recogniser.variance_head.gamma, 0.3)
    recogniser.variance_head.floor[0] = 1.0
    recogniser.variances_fitted.fill_(True)
    return recogniser


OTHERS = {
    "odd K and d": ({}, {"K": 3, "d": 5, "width": 0.5}),
    "RGB, fixed, odd size and border": ({"size": 49, "border": 5, "colour": "rgb", "normalise": "fixed"}, {"K": 2}),
    "border, mirror image": ({"border": 9, "flip": True}, {"K": 2, "d": 7, "spread": 0.7}),
    "larger than the pictures": ({"size": 80, "flip": True}, {"width": 0.5}),
    "of the pictures' size": ({"size": 64, "border": 8}, {"K": 1, "width": 0.5}),
    "places": ({"flip": True}, {"K": 4, "d": 6, "places": True}),
    "sixteen places, RGB": ({"size": 80, "colour": "rgb"}, {"K": 16, "d": 3, "places": True, "width": 0.5}),
}


@pytest.mark.parametrize("spec, config", OTHERS.values(), ids=OTHERS)
def test_a_page_sees_what_any_small_recogniser_sees(run, faces: Tensor, spec: dict, config: dict):
    expect_agreement(run, lived(Recogniser(InputSpec(**spec), **config)), faces[::4])


def test_a_frozen_confidence_grey_pictures_and_no_variances(run, faces: Tensor):
    recogniser = Recogniser(K=2, d=4, width=0.5)
    recogniser.freeze_confidence(7.5)
    expect_agreement(run, recogniser, faces[::12, :1])


def test_scores_of_two_answers_are_those_of_torch(run, faces: Tensor):
    embedding = embed(salon.load("lecture"), faces[:2])
    a, b = ({name: getattr(embedding, name)[i].tolist() for name in NUMBERS} for i in range(2))
    there = run("return [js.cosine(data.a, data.b), js.likelihood(data.a, data.b)]", a=a, b=b)
    here = [scores(embedding[0], embedding[1]).item() for scores in (cosine_scores, likelihood_scores)]
    assert there == pytest.approx(here, rel=1e-4)


SPOIL = {
    "low_resolution": "js.lowResolution(p, data.strengths[i])",
    "occlusion": "js.occlusion(p, data.strengths[i], data.order[i])",
}


@pytest.mark.parametrize("name", SPOIL)
@pytest.mark.parametrize("size", [48, 63, 96])
def test_a_picture_is_spoilt_as_in_python(run, size: int, name: str):
    """At each strength of a slider of 40 steps, ties included; places in a picture are float32 in torch."""
    strengths, pictures = torch.linspace(0, 1, 41), torch.rand(41, 1, size, size)
    draws = {"order": block_order(41, torch.Generator().manual_seed(5)).tolist()}
    body = f"""const wanted = floats(data.wanted);
      const worst = (apart, value, at) => Math.max(apart, Math.abs(value - wanted[at]));
      return pictures.flatMap((p, i) => Array.from({SPOIL[name]}.planes[0])).reduce(worst, 0);"""
    wanted = coded(degrade(pictures, name, strengths, seed=5))
    assert run(body, pictures, wanted=wanted, strengths=strengths.tolist(), **draws) < 1e-4


def test_frames_fade_and_a_brush_blackens(run):
    frames, middles = torch.rand(3, 3, 16, 16), torch.arange(16.0) + 0.5
    body = """const mask = new Float32Array(256); js.dab(mask, 16, 4, 12, 3);
      const shown = [js.crossFade(pictures, 1.25), js.crossFade(pictures, 2), js.paint(pictures[0], mask)];
      const values = shown.map(({ planes }) => planes.map((plane) => Array.from(plane)));
      return [values, Array.from(js.toPixels(shown[2]))];"""
    shown, pixels = map(torch.tensor, run(body, frames))
    painted = frames[0] * ((middles - 4) ** 2 + (middles[:, None] - 12) ** 2 > 9)
    wanted = torch.stack([0.75 * frames[1] + 0.25 * frames[2], frames[2], painted])
    assert torch.allclose(shown.view_as(wanted), wanted, atol=1e-6)
    red, green, blue, opaque = pixels.view(16, 16, 4).permute(2, 0, 1)
    assert (torch.stack([red, green, blue]) - 255 * painted).abs().max() <= 0.5 and (opaque == 255).all()


def test_what_is_no_network_is_refused_in_words(run):
    """Cut short, another format, or from a host that drops bytes or makes a URL of them."""
    blob = pack(Recogniser(K=2, d=4, width=0.5))
    came = [coded(blob[:-100]), coded(blob[:9]), coded(b"GGUF" + blob[4:]), "blob:http://localhost/1", {}, None]
    said = run("return data.came.map((each) => error(() => js.openNetwork(each)));", came=came)
    assert f"{len(blob) - 100} of the network's {len(blob)} bytes came" in said[0]
    assert all("are no network" in each for each in said[1:3]) and all("SALON_WIDGETS" in each for each in said[3:])


def test_a_network_is_opened_wherever_its_bytes_begin(run):
    """A Bytes trait becomes a DataView, at an odd place of a larger buffer perhaps."""
    recogniser = Recogniser(K=2, d=4, width=0.5)
    body = """const bytes = js.toBytes(data.blob), wide = new Uint8Array(bytes.length + 20); wide.set(bytes, 3);
      return js.openNetwork(new DataView(wide.buffer, 3, bytes.length)).heads.confidence[0].weight.at(-1);"""
    weight = recogniser.confidence_head[0].weight[-1, -1].item()
    assert run(body, blob=coded(pack(recogniser))) == pytest.approx(weight, rel=1e-3)


def test_a_backbone_that_no_page_can_run_is_refused():
    with pytest.raises(SalonError, match=r"'resnet18' came.*kernel"):
        pack(Recogniser(InputSpec(size=16), backbone="resnet18", K=2, d=4))
