"""The configuration of visits: which service says whether an insurance card is good."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class InsuranceConfig(BaseModel):
    """Table `[insurance]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, StringConstraints(pattern=r"\A(https?://[^\s/]+\S*)?\z", max_length=2000)] = ""
    """Where a card is asked about; empty: nobody is asked, and the clerk looks at the card alone."""
    token_file: Path | None = None
    """A file whose one line is sent as bearer token, if the service wants one."""
    timeout_s: Annotated[float, Field(ge=0.2, le=60)] = 5.0
    """For connecting and for each wait, in seconds. No check-in waits for it."""
