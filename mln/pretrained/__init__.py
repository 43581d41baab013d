"""Evolved losses that come with the package, each with a card that says where it wins and loses."""

import difflib
from importlib import resources
from pathlib import Path

from mln.pretrained.cards import Card

HOME = Path(str(resources.files(__name__)))
NAMES = tuple(sorted(path.stem for path in HOME.glob("*.safetensors")))


def loss_path(source: str | Path) -> Path:
    """The file of a shipped loss by name, or a loss file, or the one loss file of a folder.

    Raises ValueError, with the nearest name, where it is none of them.
    """
    if str(source) in NAMES:
        return HOME / f"{source}.safetensors"
    path = Path(source)
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            raise ValueError(f"{path}: holds {len(files)} loss files; name one of them")
        return files[0]
    if path.exists():
        return path
    near = difflib.get_close_matches(str(source), NAMES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"{str(source)!r}: neither a loss file, nor a folder with one, nor a shipped loss "
        f"({', '.join(NAMES)}){hint}"
    )


def card(name: str) -> str:
    """The card of a shipped loss, in Markdown. Raises ValueError for an unknown name."""
    return loss_path(name).with_suffix(".md").read_text(encoding="utf-8")


def facts(name: str) -> Card:
    """The same as fields, read from the card's JSON. Raises ValueError for an unknown name."""
    return Card.from_json(loss_path(name).with_suffix(".json").read_text(encoding="utf-8"))
