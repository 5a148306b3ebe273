"""The configuration of people's data: where its keys are, how long a merge can be undone."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

KEY_FILE_NAME: Final = "people-keys.json"
"""Beside the gateway's configuration, unless `key_file` says otherwise."""


class PeopleConfig(BaseModel):
    """Table `[people]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path | None = None
    """The keys of people's data. Made at the very first start, while nobody is stored."""
    undo_merge_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """How long a merge of two records can be undone."""
