"""Numbers as text, rounded in one way everywhere."""

from decimal import ROUND_HALF_UP, Decimal

EXACT_DIGITS = 9
"""Decimals up to which a shown number is taken for exact. Shares of examples and means of them are
multiples of 1 / (examples x seeds): what lies beyond is the order in which they were summed."""


def rounded(number: float, digits: int) -> str:
    """A finite number with so many decimals; halves go away from 0.

    Two ways of summing the same counts may differ in the last bit, which must not decide between
    .11 and .12 where the exact value is .115. A zero has no sign.
    """
    exact = Decimal(f"{number:.{EXACT_DIGITS}f}") if abs(number) < 1e15 else Decimal(number)
    text = str(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))
    return text.lstrip("-") if float(text) == 0 else text
