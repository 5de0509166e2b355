"""How fast the confidence explorer and a deck answer in headless Chromium; to be measured on a quiet machine."""

import base64
from statistics import median, quantiles
from timeit import repeat
from typing import Any

import torch

import salon
from authoring.slide_look import browser_without_fonts
from authoring.slides import folder
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.host import source, words
from salon.widgets.pack import pack
from salon.words import LANGUAGES

ROUNDS, LOADS = 200, 5
# The widget as a notebook runs it, on a model that stands for the kernel's: milliseconds of each of the rounds.
_SCRIPT = """async ({ script, css, traits, other, rounds }) => {
  const js = await import("data:text/javascript;base64," + script), heard = {}, el = document.body;
  const model = { get: (name) => traits[name], on: (event, call) => { heard[event] = call; } };
  const frame = () => new Promise(requestAnimationFrame), wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const painted = async () => { // a message that is posted in a frame comes after it was painted
    await frame();
    const { port1, port2 } = new MessageChannel();
    return new Promise((done) => { port1.onmessage = () => done(performance.now()); port2.postMessage(0); });
  };
  const bars = () => [...document.querySelectorAll(".salon-bar")].map((bar) => bar.dataset.value).join();
  el.append(Object.assign(document.createElement("style"), { textContent: css }));
  await js.default.render({ model, el });
  while (!bars()) await frame();
  const slider = document.querySelector("input[name=resolution]"), event = [], forward = [], swap = [];
  for (let n = 0; n < rounds; n++) {
    await wait(40 * Math.random());
    const begun = performance.now(), before = bars();
    slider.value = 0.2 + 0.3 * (n % 2);
    slider.dispatchEvent(new Event("input"));
    event.push(await painted() - begun);
    if (bars() === before) throw new Error("The bars did not move.");
  }
  const first = traits.network, net = js.openNetwork(await js.unsqueezed(other)), { spec } = net;
  const shown = js.views(js.toPicture(new Float32Array(3 * 80 ** 2).map(Math.random), 80), spec);
  for (let n = 0; n < rounds; n++) {
    const begun = performance.now();
    js.forward(net, shown);
    forward.push(performance.now() - begun);
  }
  for (let n = 0; n < rounds / 10; n++) {
    traits.network = n % 2 ? first : other;
    const begun = performance.now();
    await heard["change:network"]();
    swap.push(await painted() - begun);
  }
  return { event, forward, swap };
}"""


def widget_times() -> dict[str, tuple[float, float]]:
    """Milliseconds, median and 90th percentile: event to painted change, forward pass, another network taken in.

    "pack" is what the kernel adds to the last of these; "torch" a forward pass there, on one thread.
    """
    torch.set_num_threads(1)
    explorer, other = ConfidenceExplorer(salon.load("lecture"), lang="en"), salon.load("start")
    coded = lambda content: base64.b64encode(content).decode()  # noqa: E731
    traits: dict[str, Any] = {"network": coded(explorer.network), "faces": coded(explorer.faces)}
    traits |= {"facts": explorer.facts, "words": words("explorer", "en")}
    given = {"script": coded(explorer._esm.encode()), "css": source("salon.css"), "traits": traits, "rounds": ROUNDS}
    beside = {"pack": lambda: pack(other), "torch": lambda: salon.embed(other, torch.zeros(1, 3, 80, 80))}
    with browser_without_fonts() as browser:
        page = browser.new_page(viewport={"width": 960, "height": 800})
        found = page.evaluate(_SCRIPT, given | {"other": coded(pack(other))})
    found |= {name: [1000 * x for x in repeat(call, number=1, repeat=20)] for name, call in beside.items()}
    return {name: (median(x), quantiles(x, n=10)[8]) for name, x in found.items()}


# Milliseconds from the start of the navigation until the first slide, its letters and its picture are painted.
_FIRST = """addEventListener("DOMContentLoaded", async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const shown = () => document.querySelector("svg.bespoke-marp-active");
  while (!shown()) await frame();
  await Promise.all([document.fonts.ready, ...[...shown().querySelectorAll("img")].map((image) => image.decode())]);
  await frame();
  setTimeout(() => { window.firstSlide = performance.now(); });
})"""


def deck_times() -> dict[str, tuple[float, float]]:
    """Milliseconds until the first slide of each deck is painted, opened from disk: the median and the slowest."""
    found = {}
    with browser_without_fonts() as browser:
        for lang in LANGUAGES:
            times = [_first_slide(browser, lang) for _ in range(LOADS)]
            found[f"deck {lang}"] = (median(times), max(times))
    return found


def _first_slide(browser: Any, lang: str) -> float:
    page = browser.new_page(viewport={"width": 1280, "height": 720}, offline=True)
    page.set_default_timeout(60_000)
    page.add_init_script(_FIRST)
    page.goto((folder() / "dist" / f"salon.{lang}.html").as_uri(), wait_until="commit")
    time: float = page.wait_for_function("window.firstSlide").json_value()
    page.close()
    return time
