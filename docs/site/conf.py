"""How Sphinx makes the site (`python -m authoring site`); language and title come from the command line."""

import re

from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese

author = copyright = ""
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
nb_execution_mode = "off"  # pages show the outputs that the notebooks were committed with
nb_render_markdown_format = "myst"  # so that formulas and tables in outputs are drawn too
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
mathjax_path = "mathjax/tex-chtml.js"
# A formula is drawn when it comes into view (a phone is slow), as large as the text: a Chinese font's ex misleads.
mathjax3_config = {"loader": {"load": ["ui/lazy"]}, "chtml": {"matchFontHeight": False}}

default_role = "py:obj"  # `name` in a docstring: a link where there is such a name, else code
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "sphinx_book_theme"
html_theme_options = {
    "article_header_start": ["toggle-primary-sidebar.html", "lang.html"],
    "navbar_persistent": [],
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
}
html_context = {"default_mode": "auto"}
html_css_files, html_js_files = ["site.css"], ["site.js"]
html_copy_source = html_show_sourcelink = html_show_sphinx = html_show_copyright = html_use_index = False
templates_path = ["."]

# Sphinx 9.0 leaves the search without a stemmer in Chinese (its script defines the English one), and cuts the pages
# but not what is asked for. Here both are cut alike: Latin words, and each two neighbouring characters.
SearchChinese.language_name = "English"
SearchChinese.js_splitter_code = r"""
var splitQuery = (query) => [...query.matchAll(/[a-zA-Z0-9_]+|[\u3400-\u9fff]+/g)].flatMap(([run]) =>
  /\w/.test(run[0]) || run.length < 3 ? [run] : Array.from({ length: run.length - 1 }, (_, i) => run.slice(i, i + 2)));
"""


def split(self: SearchChinese, text: str) -> list[str]:
    """Latin words, and the pairs of neighbouring characters of each run of Chinese."""
    latin = re.findall(r"[a-zA-Z0-9_]+", text)
    self.latin_terms.update(latin)
    runs = re.findall("[\u3400-\u9fff]+", text)
    return latin + [run[i : i + 2] for run in runs for i in range(len(run) - 1)]


SearchChinese.split = split


def setup(app: Sphinx) -> None:
    """Docstrings are prose: |s| in them is an absolute value, not a substitution."""
    app.connect("autodoc-process-docstring", lambda *args: args[-1].__setitem__(slice(None), _bars(args[-1])))


def _bars(lines: list[str]) -> list[str]:
    return [line.replace("|", r"\|") for line in lines]
