"""Citations of the methods paragraphs: [@key] in the text, entries in templates/references.bib."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from reports.page.latex import latex_text

_CITED = re.compile(r"\[@([A-Za-z0-9_]+)\]")


class Reference(NamedTuple):
    """A BibTeX entry: its key, its text and its fields."""

    key: str
    entry: str
    fields: dict[str, str]

    @property
    def short(self) -> str:
        """Author and year, as in Demsar (2006)."""
        names = [name.partition(",")[0] for name in self.fields["author"].split(" and ")]
        authors = names[0] if len(names) == 1 else f"{names[0]} and {names[1]}"
        if len(names) > 2:
            authors = f"{names[0]} et al."
        return f"{_without_markup(authors)} {self.fields['year']}"


@lru_cache
def entries() -> dict[str, Reference]:
    """All entries by key."""
    text = (resources.files("reports.page.templates") / "references.bib").read_text(
        encoding="utf-8"
    )
    references = {}
    for entry in re.findall(r"^@\w+\{.*?^\}", text, flags=re.DOTALL | re.MULTILINE):
        key = re.match(r"@\w+\{(\w+),", entry)
        fields = dict(re.findall(r"^\s+(\w+) = \{(.*)\},?$", entry, flags=re.MULTILINE))
        if key:
            references[key.group(1)] = Reference(key.group(1), entry, fields)
    return references


def keys_of(paragraphs: Sequence[str]) -> list[str]:
    """The keys that are cited, in their order."""
    return list(dict.fromkeys(key for text in paragraphs for key in _CITED.findall(text)))


def cited_in_text(paragraphs: Sequence[str]) -> list[str]:
    """Paragraphs with (author year) in place of the keys; raises KeyError for an unknown one."""
    return [_CITED.sub(lambda m: f"({entries()[m.group(1)].short})", text) for text in paragraphs]


def cited_in_latex(paragraphs: Sequence[str]) -> str:
    r"""Paragraphs as LaTeX with \cite; for \input."""
    done = []
    for text in paragraphs:
        parts = _CITED.split(text)
        done.append(
            "".join(
                latex_text(part) if place % 2 == 0 else rf"\cite{{{part}}}"
                for place, part in enumerate(parts)
            )
        )
    return "\n\n".join(done) + "\n"


def bibtex(paragraphs: Sequence[str]) -> str:
    """The entries that the paragraphs cite; raises KeyError for an unknown one."""
    return "\n\n".join(entries()[key].entry for key in keys_of(paragraphs)) + "\n"


def reference_list(paragraphs: Sequence[str]) -> list[str]:
    """The cited entries as text, by author; raises KeyError for an unknown one."""
    lines = []
    for key in keys_of(paragraphs):
        fields = entries()[key].fields
        where = fields.get("journal") or fields.get("booktitle") or fields.get("publisher", "")
        authors = ", ".join(
            f"{last.strip()} {first.strip()[:1]}."
            for last, _, first in (name.partition(",") for name in fields["author"].split(" and "))
        )
        lines.append(_without_markup(f"{authors} ({fields['year']}). {fields['title']}. {where}."))
    return sorted(lines)


def _without_markup(text: str) -> str:
    """BibTeX text without its markup."""
    text = text.replace(r"{\v{s}}", "s\N{COMBINING CARON}").replace(
        r"{\"e}", "\N{LATIN SMALL LETTER E WITH DIAERESIS}"
    )
    return unicodedata.normalize("NFC", re.sub(r"[{}\\]", "", text))
