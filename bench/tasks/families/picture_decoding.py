"""Pictures of files as bytes: looked at once to see what they are, then decoded alike.

What maps to what: 8 bits as they are; 1 bit to 0 and 255; 16 bits by 255 / 65535; floating point
from 0 to 1 by 255, from 0 to 255 as it is, and nothing else. All that is grey stays grey, unless a
picture has colours: then all have. Transparent pictures are put on white, and all are turned as
EXIF says.
"""

import io
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from bench.errors import InputError
from bench.tasks.cache import Bytes
from bench.tasks.families.picture_files import shown

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

T = TypeVar("T")
Read = Callable[[str], bytes]

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SEVERAL_VIEWS = "MPO"
"""A photograph, with further views of it in the same file."""
SIDES = range(4, 513)
AT_ONCE = 256
THREADS = 2
ORIENTATION = 0x0112
SIXTEEN_BITS, FLOATING, ALPHA, PALETTE = "16 bits", "floating point", "transparent", "palette"
TOPS = (1.0, 255.0)
"""What is white in floating point: the first that holds for all pictures of a set."""
GREY_MODES = {"1", "L", "LA", "La"}

logging.getLogger("PIL").addHandler(logging.NullHandler())  # or Python prints what it says


class Look(NamedTuple):
    """What a picture is: how it is converted, as a key of CONVERSIONS, whether it is grey, and the
    least and the largest number of one in floating point."""

    kind: str
    grey: bool
    low: float = 0.0
    high: float = 0.0


class Looked(NamedTuple):
    """What all pictures are: how many of each kind, how many are grey, whether all are, and what
    is white in floating point."""

    kinds: dict[str, int]
    greys: int
    grey: bool
    top: float


class Seen(NamedTuple):
    """A decoded picture [height, width, channels], the size of its file's (width, height), and
    whether it was turned."""

    pixels: Bytes
    size: tuple[int, int]
    turned: bool


CONVERSIONS = {
    "8 bits": "",
    "1 bit": "of 1 bit became 0 and 255",
    SIXTEEN_BITS: "of 16 bits were scaled to 8, 65535 to 255",
    FLOATING: "in floating point were scaled to 8 bits, {top:g} to 255",
    ALPHA: "with transparency were put on white",
    PALETTE: "with a palette got its colours",
}
"""What becomes of the files of each kind; "" is nothing."""
OTHER_MODES = "of mode {kind} were converted to RGB"


def looked_at(where: str, names: Sequence[str], read: Read) -> Looked:
    """Look at all pictures, without decoding more than floating-point ones.

    Raises InputError for one that cannot be read, is animated or has numbers of no known range.
    """

    def look(start: int) -> list[Look]:
        return [_look(where, name, read) for name in names[start : start + AT_ONCE]]

    with quiet():
        looks = [look for part in in_order(look, range(0, len(names), AT_ONCE)) for look in part]
    highest = max(look.high for look in looks)
    top = next((top for top in TOPS if highest <= top), None)
    for name, each in zip(names, looks, strict=True):
        if each.low < 0 or not np.isfinite(each.high) or (top is None and each.high > TOPS[-1]):
            raise InputError(
                f"{where}: {shown(name)} holds numbers from {each.low:g} to {each.high:g}; "
                "floating point must be from 0 to 1, or from 0 to 255, in all pictures"
            )
    kinds = Counter(look.kind for look in looks)
    greys = sum(look.grey for look in looks)
    return Looked(dict(sorted(kinds.items())), greys, greys == len(looks), top or TOPS[-1])


def decode(where: str, name: str, read: Read, looked: Looked, size: int | None) -> Seen:
    """One picture, grey or in colours as all are, of its own size or of `size` by `size` pixels."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    with _opened(where, name, read) as opened:
        own = opened.size
        turned, picture = _upright(opened)
        picture = _bytes_of(picture, looked.top).convert("L" if looked.grey else "RGB")
    if size is not None:
        picture = ImageOps.fit(picture, (size, size), Pillow.Resampling.BICUBIC)
    pixels: Bytes = np.asarray(picture, np.uint8)
    return Seen(pixels if pixels.ndim == 3 else pixels[..., None], own, turned)


def conversions(
    looked: Looked, sizes: Sequence[tuple[int, int]], turned: int, size: int | None
) -> list[str]:
    """What was done to the files, one sentence each.

    sizes: (width, height) of each file; turned: how many EXIF turned.
    """
    said = []
    for kind, count in looked.kinds.items():
        what = CONVERSIONS.get(kind, OTHER_MODES).format(top=looked.top, kind=kind)
        if what:
            said.append(f"{count:,} of {len(sizes):,} files {what}")
    if not looked.grey and looked.greys:
        said.append(
            f"{looked.greys:,} of {len(sizes):,} files are grey and got three equal channels, as "
            "others have colours"
        )
    if turned:
        said.append(f"{turned:,} of {len(sizes):,} files were turned as their EXIF says")
    other = [own for own in sizes if size is not None and own != (size, size)]
    if other:
        low, high = min(other, key=_area), max(other, key=_area)
        between = f"{_by(low)} pixels" if low == high else f"{_by(low)} to {_by(high)} pixels"
        said.append(
            f"{len(other):,} of {len(sizes):,} files, of {between}, were scaled so that the "
            f"shorter side has {size}, and cut to the middle"
        )
    return said


def _area(size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    return size[0] * size[1], size


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} by {size[1]}"


def in_order(work: Callable[[int], T], starts: Sequence[int]) -> Iterator[T]:
    """Results in order from a few threads (a decoder holds no lock), few of them at a time."""
    with ThreadPoolExecutor(THREADS) as threads:
        for at in range(0, len(starts), 2 * THREADS):
            yield from threads.map(work, starts[at : at + 2 * THREADS])


@contextmanager
def quiet() -> Iterator[None]:
    """Pillow's warnings say nothing that a user could act on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        yield


@contextmanager
def _opened(where: str, name: str, read: Read) -> Iterator["Picture"]:
    """A picture whose faults, of which there are many kinds, become one line each."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(read(name)), formats=FORMATS) as opened:
            yield opened
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).partition("<")[0].split()) or type(error).__name__
        raise InputError(f"{where}: {shown(name)} cannot be decoded: {shown(reason)}") from error


def _look(where: str, name: str, read: Read) -> Look:
    with _opened(where, name, read) as opened:
        if getattr(opened, "is_animated", False) and opened.format != SEVERAL_VIEWS:
            raise InputError(
                f"{where}: {shown(name)} holds several pictures (an animation, or pages); keep one"
            )
        if opened.mode == "F":
            numbers = np.asarray(opened)
            return Look(FLOATING, True, float(numbers.min()), float(numbers.max()))
        if _is_16_bits(opened):
            return Look(SIXTEEN_BITS, True)
        if opened.mode == "I":
            raise InputError(
                f"{where}: {shown(name)} has whole numbers of 32 bits, or signed ones, of which "
                "none is known to be white; save it with 8 or 16 bits"
            )
        if opened.has_transparency_data:
            return Look(ALPHA, opened.mode in GREY_MODES or _grey_palette(opened))
        if opened.mode == "P":
            return Look(PALETTE, _grey_palette(opened))
        kind = {"1": "1 bit", "L": "8 bits", "RGB": "8 bits"}.get(opened.mode, opened.mode)
        return Look(kind, opened.mode in GREY_MODES)


def _is_16_bits(picture: "Picture") -> bool:
    """PNG's and PPM's numbers of 16 bits may come as 32, TIFF's never do."""
    return picture.mode.startswith("I;16") or (
        picture.mode == "I" and picture.format in ("PNG", "PPM")
    )


def _grey_palette(picture: "Picture") -> bool:
    """Whether a palette holds shades of grey alone."""
    shades = np.array(picture.getpalette("RGB") or [0, 0, 1]).reshape(-1, 3)
    return picture.mode == "P" and bool((shades == shades[:, :1]).all())


def _upright(opened: "Picture") -> tuple[bool, "Picture"]:
    """Whether EXIF has a picture turned, and the picture as it is to be seen."""
    from PIL import ImageOps

    said = 1 if opened.format == "PNG" else _orientation(opened)
    opened.load()  # TIFF is turned by this
    said = _orientation(opened) if opened.format == "PNG" else said  # it may follow the pixels
    if said not in range(2, 9):
        return False, opened
    return True, ImageOps.exif_transpose(opened)


def _orientation(opened: "Picture") -> int:
    try:
        return int(opened.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing
        return 1


def _bytes_of(picture: "Picture", top: float) -> "Picture":
    """A picture of 8 bits, L or RGB."""
    from PIL import Image as Pillow

    if picture.mode == "F":
        return Pillow.fromarray(_scaled(np.asarray(picture, np.float64), top))
    if picture.mode.startswith("I"):
        return Pillow.fromarray(_scaled(np.asarray(picture, np.float64), 65535.0))
    if picture.has_transparency_data:
        over = picture.convert("RGBA")
        white = Pillow.new("RGBA", over.size, (255, 255, 255, 255))
        return Pillow.alpha_composite(white, over).convert("RGB")
    return (
        picture if picture.mode == "L" else picture.convert("L" if picture.mode == "1" else "RGB")
    )


def _scaled(numbers: "np.ndarray[Any, Any]", top: float) -> Bytes:
    scaled: Bytes = np.clip(np.rint(numbers * (255.0 / top)), 0, 255).astype(np.uint8)
    return scaled
