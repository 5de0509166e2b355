"""One script, three hosts: a live kernel, a page without one, and a picture in a saved notebook."""

import base64
import io
import json
from pathlib import Path
from string import Template
from typing import Any

import anywidget
import traitlets
from matplotlib.figure import Figure

from salon.text import TEXTS, language, say

_HERE = Path(__file__).parent

# The policy forbids every request; the model is a stand-in for the one that a kernel would keep.
_PAGE = Template("""<!doctype html>
<html lang="$lang">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<link rel="icon" href="data:,">
<title>$title</title>
<style>:root { color-scheme: light dark; } body { margin: 12px; }
$css</style>
<body><main></main>
<script type="module">
$script
const traits = $traits, listeners = {};
const model = {
  get: (name) => traits[name],
  set(name, value) {
    if (traits[name] === value) return;
    traits[name] = value;
    for (const listener of listeners["change:" + name] ?? []) listener();
  },
  on: (event, listener) => (listeners[event] ??= []).push(listener),
  save_changes() {},
};
widget.render({ model, el: document.querySelector("main") });
</script>
</body>
</html>
""")


def source(*names: str) -> str:
    """The text of the files of this folder, one after the other."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


def words(room: str, lang: str | None = None) -> dict[str, str]:
    """The rows `room.*` of the language table, by their last name, braces unfilled."""
    own = {key.removeprefix(f"{room}."): key for key in TEXTS if key.startswith(f"{room}.")}
    return {name: TEXTS[key][lang or language()] for name, key in own.items()} | {"reset": say("reset", lang)}


def page(script: str, title: str, traits: dict[str, Any], lang: str | None = None) -> str:
    """A self-contained HTML page that runs a widget's script on fixed traits: no kernel, no network."""
    return _PAGE.substitute(
        lang={"en": "en", "zh": "zh-CN"}[lang or language()],
        title=title,
        css=source("salon.css"),
        script=script.replace("export default", "const widget ="),
        traits=json.dumps(traits, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/"),
    )


class Picture(anywidget.AnyWidget):
    """A widget that leaves a picture of itself in a saved notebook, where its own state is stripped."""

    _css = source("salon.css")
    words = traitlets.Dict().tag(sync=True)

    def figure(self) -> Figure:
        """The same content, still."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"  # nothing that differs between two runs: notebooks compare it

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        file = io.BytesIO()
        self.figure().savefig(file, format="png", dpi=100)
        return data | {"image/png": base64.b64encode(file.getvalue()).decode()}, metadata
