"""One script, three hosts: a live kernel, a page without one, and a picture in a saved notebook.

Where a page cannot run the script with its kernel, `$SALON_WIDGETS` (set by `lecture.setup`, or by hand) says what
takes its place: "page", a self-contained page in a frame; "plain", sliders of ipywidgets; "picture", the PNG alone.
"""

import base64
import html
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from salon.figures.style import png
from salon.paths import data_path
from salon.words import SalonError, entry, known_language

try:
    import anywidget

    _Widget: Any = anywidget.AnyWidget
except ImportError:  # not installed, or ipywidgets is too old for it: there are other ways to show a figure
    _Widget = traitlets.HasTraits

VIEW = "application/vnd.jupyter.widget-view+json"
_HERE = Path(__file__).parent
_FRAME = '<iframe srcdoc="{page}" sandbox="allow-scripts" width="100%" height="{height}" style="border:0"></iframe>'


def source(*names: str) -> str:
    """The text of the files of this folder, one after the other."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


def font_faces(*names: str) -> str:
    """CSS that brings fonts of `data/fonts` as data URIs: "han-bold" is the family Salon Han at weight 700."""
    rules = []
    for name in names:
        content = _base64(data_path("fonts", f"{name}.woff2").read_bytes())
        family, weight = f"Salon {name.split('-')[0].title()}", 700 if name.endswith("-bold") else 400
        rules.append(
            f'@font-face {{ font-family: "{family}"; font-weight: {weight}; '
            f'src: url("data:font/woff2;base64,{content}") format("woff2"); }}'
        )
    return "\n".join(rules)


def words(room: str, lang: str | None = None) -> dict[str, str]:
    """The rows `room.*` of the language table, and those of all widgets, by their last name, braces unfilled."""
    return {name: texts[known_language(lang)] for name, texts in (entry("widget") | entry(room)).items()}


def page(script: str, traits: dict[str, Any], lang: str | None = None) -> str:
    """A self-contained HTML page that runs a widget's script on fixed traits: no kernel, no network.

    Its policy forbids every request; its model is a stand-in for the one that a kernel would keep.
    """
    lang = known_language(lang)
    return Template(source("page.html")).substitute(
        lang={"en": "en", "zh": "zh-CN"}[lang],
        title=traits["words"]["title"],
        css=font_faces("latin", *(["han-pages"] if lang == "zh" else [])) + source("salon.css"),
        script=script.replace("export default", "const widget ="),
        traits=json.dumps(traits, ensure_ascii=False, default=_base64, separators=(",", ":")).replace("</", "<\\/"),
    )


class Picture(_Widget):
    """A widget that leaves a picture of itself in a saved notebook, where its own state is stripped.

    Each kind has a `room`, where its words stand, and `figure()`, its content, still.
    """

    _css = source("salon.css")
    room = ""
    height = 640  # pixels of the frame that holds its page
    refusal = ""  # why no page can run it: then the plain form takes its place
    words = traitlets.Dict().tag(sync=True)

    def __init__(self, lang: str | None = None, **traits: Any) -> None:
        self.lang = lang
        super().__init__(words=words(self.room, lang), **traits)

    def carried(self) -> dict[str, Any]:
        """The traits that a page needs, as they stand: all that this kind shares with its script."""
        own = [name for name in self.traits(sync=True) if not hasattr(Picture, name) and not name.startswith("_")]
        return {name: getattr(self, name) for name in own}

    def page(self, lang: str | None = None) -> str:
        """The same as a self-contained HTML page; raises `SalonError` where no page can run it."""
        if self.refusal:
            raise SalonError(self.refusal)
        lang = lang or self.lang
        return page(self._esm, self.carried() | {"words": words(self.room, lang)}, lang)

    def stops(self) -> dict[str, Sequence[Any]]:
        """The values of each trait that a slider of the plain form moves: none, unless a kind has some."""
        return {}

    def state(self) -> Figure:
        """The content as the sliders stand, for the plain form."""
        return self.figure()

    def plain(self) -> Any:
        """A slider for each of `stops` above the picture of `state`, out of ipywidgets alone."""
        import ipywidgets

        layout = {"align_self": "flex-start", "max_width": "100%"}
        image = ipywidgets.Image(value=png(self.state()), layout=layout)
        look = {"continuous_update": False, "style": {"description_width": "initial"}}  # no "…" within a name
        sliders = []
        for name, values in self.stops().items():
            options = [(self.words[x] if isinstance(x, str) else f"{x:g}", x) for x in values]
            sliders.append(ipywidgets.SelectionSlider(options=options, description=self.words[name], **look))
            traitlets.link((self, name), (sliders[-1], "value"))  # the widget's own value holds
        self.observe(lambda change: setattr(image, "value", png(self.state())), list(self.stops()))
        said = [ipywidgets.HTML(html.escape(self.refusal, quote=False))] if self.refusal else []
        return ipywidgets.VBox([*said, *sliders, image])

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"  # nothing that differs between two runs: notebooks compare it

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        data, metadata = self._alive(**kwargs)
        still = {"text/plain": repr(self), "image/png": _base64(png(self.figure()))}
        return data | still, metadata | {"image/png": {"alt": self.words["title"]}}

    def _alive(self, **kwargs: Any) -> tuple[dict, dict]:
        """What moves, in the way that the page can show; ({}, {}) where nothing can."""
        way = os.environ.get("SALON_WIDGETS") or "widget"
        way = "plain" if self.refusal and way in ("widget", "page") else way
        if way == "widget" and hasattr(_Widget, "model_id"):
            return super()._repr_mimebundle_(**kwargs) or ({}, {})
        if way in ("widget", "page"):
            return {"text/html": _FRAME.format(page=html.escape(self.page()), height=self.height)}, {}
        if way == "plain":
            box = self.plain()
            return {VIEW: {"version_major": 2, "version_minor": 0, "model_id": box.model_id}}, {}
        return {}, {}


def data_uri(picture: np.ndarray | bytes) -> str:
    """A picture, uint8 [H, W, 3] (as lossless PNG) or the bytes of a WebP file, as a `data:` URI."""
    if isinstance(picture, bytes):
        return f"data:image/webp;base64,{_base64(picture)}"
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png", compress_level=1)
    return f"data:image/png;base64,{_base64(file.getvalue())}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
