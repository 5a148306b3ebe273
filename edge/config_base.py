"""What all tables of an edge node's configuration share: strictness, files, addresses, numbers."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo

from edge.contracts.base import Name


def file_name(value: object, info: ValidationInfo) -> object:
    """Resolve a file name from the configuration's directory; the file must be there when a whole file is loaded."""
    if not isinstance(value, str | Path):
        raise ValueError("not a file name")  # noqa: TRY004 - pydantic turns only ValueError into a fault of the file
    directory: Path | None = (info.context or {}).get("directory")
    path = Path(value) if directory is None else directory / value
    if directory is not None and not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _directory(value: object, info: ValidationInfo) -> object:
    """Resolve a directory name from the configuration's directory."""
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("not a directory name")
    return (info.context or {}).get("directory", Path()) / value


def _device_path(value: object) -> object:
    """Accept an absolute path only: what a relative device path means depends on who started the agent."""
    if not isinstance(value, str | Path) or not Path(value).is_absolute():
        raise ValueError("not an absolute path")
    return Path(value)


def as_tuple(value: object) -> object:
    """A TOML array as a tuple, so that what holds it is frozen."""
    return tuple(value) if isinstance(value, list) else value


ExistingFile = Annotated[Path, BeforeValidator(file_name), Field(description="the name of an existing file")]
Directory = Annotated[Path, BeforeValidator(_directory), Field(description="the name of a directory")]
DevicePath = Annotated[
    Path, BeforeValidator(_device_path), Field(description='an absolute path such as "/dev/serial/by-id/usb-..."')
]
Host = Annotated[str, StringConstraints(pattern=r"\A[^\s/]{1,253}\z"), Field(description="a host name or IP address")]
Port = Annotated[int, Field(ge=1, le=65535, description="a port number from 1 to 65535")]
Interval = Annotated[float, Field(ge=0.1, le=3600, description="seconds from 0.1 to 3600")]
BaudRate = Annotated[int, Field(ge=300, le=4_000_000, description="bits per second from 300 to 4000000")]
DeviceName = Annotated[Name, Field(description="1 to 63 of a-z, 0-9 and inner hyphens")]


class Section(BaseModel):
    """A table of the file: frozen, no unknown key, no silent conversion (a port is a number, not a text)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Device(Section):
    """What every `[[device]]` table has."""

    device_id: DeviceName
    description: Annotated[str, Field(max_length=200, description="a text of at most 200 characters")] = ""

    @property
    def address(self) -> str:
        """The hardware this device needs for itself; empty if several may share it. Two devices never have the same."""
        return ""
