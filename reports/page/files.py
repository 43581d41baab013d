"""Files of a report, written whole or not at all, and figures inside a page."""

import re
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup, escape

from bench.errors import InputError
from bench.files import write_atomically


def inline(document: str, name: str, alternative: str) -> Markup:
    """An SVG document as an element of a page, its identifiers made unique to the figure.

    alternative: what a reader is told who does not see it.

    The document comes from matplotlib, which escapes all text in it.
    """
    element = document[document.index("<svg ") :]
    element = re.sub(r'\bid="', f'id="{name}-', element)
    element = re.sub(r'href="#', f'href="#{name}-', element)
    element = element.replace("url(#", f"url(#{name}-")
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    label = Markup('<svg role="img" aria-label="{}" ').format(alternative)
    return Markup(element.replace("<svg ", label, 1))


_BREAK = re.compile(r"(?=\+\D)|(?<=[a-z]\.)(?=[a-z])")


def breakable(text: object) -> Markup:
    """Text that may break before a regime of a task and between the parts of a dotted key."""
    return Markup("<wbr>").join(map(escape, _BREAK.split(str(text))))


_BREAK_NARROW = re.compile(r"(?=\+\D)|(?<=[a-z][=_.:])(?=\w)|(?<=[/-])")
_SYLLABLES = {
    word.replace("-", ""): word.replace("-", "\N{SOFT HYPHEN}")
    for word in ("inconclu-sive", "equiva-lent", "uncer-tain", "unchang-ed")
}


def narrow(text: object) -> Markup:
    """Text of a grid, which a phone shows whole: names may break between all their parts, and the
    words of verdicts between syllables."""
    shown = str(text)
    for word, parted in _SYLLABLES.items():
        shown = shown.replace(word, parted)
    return Markup("<wbr>").join(map(escape, _BREAK_NARROW.split(shown)))


def write_files(out_dir: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by their path within a folder, text in UTF-8, each atomically.

    Raises InputError where the folder cannot be written.
    """
    try:
        for name, content in files.items():
            write_atomically(out_dir / name, content)
    except OSError as error:
        raise InputError(f"{out_dir}: cannot write the report: {error.strerror}") from error
