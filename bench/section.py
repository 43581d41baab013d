"""The base of an experiment's sections."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of an experiment: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
