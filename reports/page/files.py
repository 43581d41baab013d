"""Files of a report, written whole or not at all, and figures inside a page."""

import re
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup, escape

from bench.errors import InputError
from bench.files import write_atomically


def inline(document: str, name: str) -> Markup:
    """An SVG document as an element of a page, its identifiers made unique to the figure.

    The document comes from matplotlib, which escapes all text in it.
    """
    element = document[document.index("<svg ") :]
    element = re.sub(r'\bid="', f'id="{name}-', element)
    element = re.sub(r'href="#', f'href="#{name}-', element)
    element = element.replace("url(#", f"url(#{name}-")
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    return Markup(element.replace("<svg ", '<svg role="img" ', 1))


_BREAK = re.compile(r"(?=\+\D)|(?<=[a-z]\.)(?=[a-z])")


def breakable(text: object) -> Markup:
    """Text that may break before a regime of a task and between the parts of a dotted key."""
    return Markup("<wbr>").join(map(escape, _BREAK.split(str(text))))


def write_files(out_dir: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by their path within a folder, text in UTF-8, each atomically.

    Raises InputError where the folder cannot be written.
    """
    try:
        for name, content in files.items():
            write_atomically(out_dir / name, content)
    except OSError as error:
        raise InputError(f"{out_dir}: cannot write the report: {error.strerror}") from error
