"""The installation's settings: environment over env file over defaults, read once, then frozen.

The only module that reads the process environment. What a name means is said here and nowhere
else; `docs/operations.md` and `.env.example` are checked against it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from agentd.core import limits
from agentd.errors import InvalidParams, PermissionDenied
from agentd.paths import Home

_SECRET_SUFFIXES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
_SQLITE_SCHEME = "sqlite://"


class Settings(BaseSettings):
    """All settings, under the names of the environment without their prefix, in lower case."""

    model_config = SettingsConfigDict(
        env_prefix="AGENTD_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    home: Path = Field(
        default=Path("~/.agentd"),
        validation_alias=AliasChoices("AGENTD_HOME", "AGENTD_DIR"),
        description="Base directory of everything that agentd keeps.",
    )
    env_file: Path = Field(
        default_factory=lambda data: Home(data["home"]).env_file,
        description="NAME=value lines that count where the process environment is silent.",
    )
    database_url: str = Field(
        default_factory=lambda data: f"{_SQLITE_SCHEME}{Home(data['home']).database}",
        description="sqlite://PATH; `~` is the user's home directory.",
    )
    socket_path: Path = Field(
        default_factory=lambda data: Home(data["home"]).socket,
        description="Unix socket that the daemon listens on.",
    )
    node_timeout_secs: int = Field(
        default=limits.NODE_TIMEOUT_SECS_DEFAULT,
        ge=limits.LEASE_SECS_MIN,
        le=limits.LEASE_SECS_MAX,
        description="How long a node's lease lasts without a heartbeat.",
    )
    context_event_limit: int = Field(
        default=limits.CONTEXT_EVENTS_DEFAULT,
        ge=0,
        le=limits.EVENTS_PAGE_MAX,
        description="Recent events of the task in an acquired node's context.",
    )
    max_line_bytes: int = Field(
        default=limits.LINE_BYTES_DEFAULT,
        ge=limits.LINE_BYTES_MIN,
        le=1 << 30,
        description="Longest request line that the daemon reads.",
    )
    max_connections: int = Field(
        default=limits.CONNECTIONS_DEFAULT, ge=1, description="Clients at a time."
    )
    max_waiters: int = Field(
        default=limits.WAITERS_DEFAULT, ge=0, description="Calls that wait at a time."
    )
    sweep_secs: float = Field(
        default=1.0,
        gt=0,
        le=3600,
        description="How soon, at most, an expired lease shows in the journal by itself.",
    )
    drain_secs: float = Field(
        default=10.0, ge=0, le=600, description="How long a stopping daemon finishes its work."
    )
    log: str = Field(
        default="agentd=info",
        validation_alias=AliasChoices("AGENTD_LOG", "RUST_LOG"),
        description="Log filter: a level, or `agentd=debug` in the syntax of RUST_LOG.",
    )
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="`json` lines, `text` for people, `auto`: text on a terminal."
    )

    deepseek_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DEEPSEEK_API_KEY"),
        description="The key for DeepSeek's API, for `propose --with deepseek`.",
    )
    deepseek_base_url: str = Field(
        default="https://api.deepseek.com",
        validation_alias=AliasChoices("DEEPSEEK_BASE_URL"),
        description="Where DeepSeek's API is, or one that speaks like it.",
    )
    deepseek_model: str = Field(
        default="deepseek-flash",
        validation_alias=AliasChoices("DEEPSEEK_MODEL"),
        description="Which of DeepSeek's models is asked.",
    )

    @field_validator("home", "env_file", "socket_path", mode="after")
    @classmethod
    def _expand(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("database_url", mode="after")
    @classmethod
    def _only_sqlite(cls, url: str) -> str:
        if not url.startswith(_SQLITE_SCHEME):
            raise ValueError(f"must start with {_SQLITE_SCHEME}")
        return url

    @property
    def home_layout(self) -> Home:
        """What lies where below `home`."""
        return Home(self.home)

    @property
    def private_paths(self) -> tuple[Path, ...]:
        """What no program from outside may see: all that agentd keeps, and where keys are."""
        return (self.home, self.env_file)

    @property
    def database_path(self) -> Path:
        """The SQLite file that `database_url` names."""
        rest = self.database_url.removeprefix(_SQLITE_SCHEME).partition("?")[0]
        return Path(rest).expanduser().absolute()


def process_environment() -> dict[str, str]:
    """A copy of the process environment, for the programs that agentd starts."""
    return dict(os.environ)


def load_settings() -> Settings:
    """The settings of this installation.

    Raises `InvalidParams` naming the variable for a value out of its range and for an env file
    that was named but is not there, `PermissionDenied` for one with a key in it that other users
    may read.
    """
    try:
        named = os.environ.get("AGENTD_ENV_FILE")
        path = Path(named).expanduser() if named else Settings(_env_file=None).env_file
        if named and not path.is_file():
            raise InvalidParams(
                "invalid_field",
                f"AGENTD_ENV_FILE names {path}, which is not a file",
                hint="Correct the path, or unset AGENTD_ENV_FILE.",
                path="AGENTD_ENV_FILE",
                rule="must be a file",
            )
        if path.is_file():
            _refuse_exposed_keys(path)
        return Settings(_env_file=path)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = variable_name(str(first["loc"][0]))
        raise InvalidParams(
            "invalid_field",
            f"{name}: {first['msg']}",
            hint=f"Correct {name} in the environment or in the env file.",
            path=name,
            rule=first["msg"],
        ) from None


def variable_name(field: str) -> str:
    """The environment variable of a settings field, which may be given by its alias."""
    return field if field.isupper() else f"AGENTD_{field.upper()}"


def _refuse_exposed_keys(path: Path) -> None:
    from dotenv import dotenv_values  # What pydantic-settings reads the file with.

    values = dotenv_values(path, interpolate=False)
    secrets = [name for name, value in values.items() if value and name.endswith(_SECRET_SUFFIXES)]
    if secrets and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PermissionDenied(
            "insecure_permissions",
            f"{path} holds {secrets[0]} and can be read by other users",
            hint=f"Run: chmod 600 {path}",
            path=str(path),
        )
