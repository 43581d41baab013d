"""What every configuration uses to refuse a value."""

FORBID_UNKNOWN = {"extra": "forbid"}
"""For pydantic: an unknown key is an error."""


def check(holds: bool, message: str) -> None:
    """Raise ValueError with `message` unless something holds."""
    if not holds:
        raise ValueError(message)
