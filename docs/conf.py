"""The documents as a site: `make docs` builds it, offline, in build/site."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generated  # noqa: E402

project = "MLN-Bench"
author = "The MLN-Bench developers"
project_copyright = "The MLN-Bench developers, MIT licence"
version = release = version_of("mln-bench")

extensions = ["myst_nb"]
exclude_patterns = ["results/*"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
root_doc = "index"

# Pages are those that a forge shows: headings of any depth have anchors, and are linked so.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
# Notebooks and their results are kept as they are: a build trains nothing.
nb_execution_mode = "off"

html_theme = "furo"
html_title = f"MLN-Bench {version}"
html_copy_source = False
html_show_sourcelink = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

generated.write(HERE / "_generated")


def _within_the_site(_app: object, _page: str, content: list[str]) -> None:
    """Examples lie beside the documents, and within the site."""
    content[0] = content[0].replace("](../examples/", "](_generated/examples/")


ACCESSIBLE = {
    'class="caption" role="heading">': 'class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
"""What the theme's pages lack: what scrolls sideways is reached by the keyboard, headings have a
level, landmarks a name."""


def _accessible(app: Sphinx, error: Exception | None) -> None:
    for page in Path(app.outdir).rglob("*.html") if error is None else ():
        text = page.read_text(encoding="utf-8")
        for lacking, whole in ACCESSIBLE.items():
            text = text.replace(lacking, whole)
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", _within_the_site)
    app.connect("build-finished", _accessible)
