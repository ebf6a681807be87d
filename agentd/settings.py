"""The installation's settings: environment over env file over defaults, read once, then frozen.

The only module that reads the process environment. What a name means is said here and nowhere
else; `docs/operations.md` and `.env.example` are written from it. Every command reads its settings,
so this imports nothing that takes long.
"""

# ruff: noqa: RUF009 - `_setting` makes a dataclass field, under a name that ruff does not know.

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from io import StringIO
from pathlib import Path
from typing import Any, Final

from agentd.core import limits
from agentd.errors import InvalidParams, PermissionDenied, Unavailable
from agentd.paths import Home

HOME_DEFAULT: Final = Home(Path("~/.agentd"))

_ENV_FILE: Final = "AGENTD_ENV_FILE"
SECRET_SUFFIXES: Final = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
"""How the names of variables end whose values nobody else may see."""
_SQLITE_SCHEME = "sqlite://"


@dataclass(frozen=True, slots=True)
class Kind:
    """What the text of a setting may be, and what it is read as."""

    read: Callable[[str], Any]
    """Raises `ValueError` for a text that is none of `values`."""
    values: str = ""
    """Goes on after "must be"; empty where any text will do."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting as the environment has it."""

    names: tuple[str, ...]
    """The first one that is set counts."""
    kind: Kind
    default: Callable[[Home], str] | None
    """The text that counts where there is none; None: the setting is None then."""
    description: str

    def value(self, environment: Mapping[str, str], home: Home) -> Any:
        """What is set, or the default. Empty counts as not set. Raises `InvalidParams`."""
        for name in self.names:
            if text := environment.get(name):
                return self._read(name, text)
        return None if self.default is None else self._read(self.names[0], self.default(home))

    def _read(self, name: str, text: str) -> Any:
        try:
            return self.kind.read(text)
        except ValueError:
            raise InvalidParams(
                "invalid_field",
                f"{name} must be {self.kind.values}, not {text!r}",
                hint=f"Correct {name} in the environment or in the env file.",
                path=name,
                rule=f"must be {self.kind.values}",
            ) from None


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # Neither HOME nor the system's list of users says where it is.
        raise Unavailable(
            "home_unusable",
            f"nothing says where {text} is: this user has no home directory",
            hint="Set HOME, or AGENTD_HOME to a directory of your own.",
            path=text,
        ) from None


def _sqlite_path(url: str) -> Path:
    path = url.removeprefix(_SQLITE_SCHEME).partition("?")[0]
    if path == url or not path:
        raise ValueError(url)
    return _path(path)


def _integer(minimum: int, maximum: int | None = None) -> Kind:
    def read(text: str) -> int:
        number = int(text)
        if number < minimum or (maximum is not None and number > maximum):
            raise ValueError(text)
        return number

    upper = "or more" if maximum is None else f"to {maximum:,}"
    return Kind(read, f"a whole number, {minimum:,} {upper}")


def _number(maximum: int, *, zero: bool) -> Kind:
    def read(text: str) -> float:
        number = float(text)
        if not (number >= 0 if zero else number > 0) or number > maximum:
            raise ValueError(text)
        return number

    return Kind(read, f"a number, {'0' if zero else 'above 0'} to {maximum:,}")


def _one_of(*choices: str) -> Kind:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return Kind(read, f"{', '.join(choices[:-1])} or {choices[-1]}")


_PATH: Final = Kind(_path)
_TEXT: Final = Kind(str)


def _setting(
    *names: str,
    kind: Kind,
    default: str | Callable[[Home], str] | None,
    description: str,
    secret: bool = False,
) -> Any:
    made = default if default is None or callable(default) else lambda _: default
    return field(repr=not secret, metadata={"": Variable(names, kind, made, description)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings."""

    home: Path = _setting(
        "AGENTD_HOME",
        "AGENTD_DIR",
        kind=_PATH,
        default=str(HOME_DEFAULT.root),
        description="Base directory of everything that agentd keeps.",
    )
    env_file: Path = _setting(
        _ENV_FILE,
        kind=_PATH,
        default=lambda home: str(home.env_file),
        description="NAME=value lines that count where the process environment is silent.",
    )
    database_path: Path = _setting(
        "AGENTD_DATABASE_URL",
        kind=Kind(_sqlite_path, f"{_SQLITE_SCHEME} and the path of a file"),
        default=lambda home: f"{_SQLITE_SCHEME}{home.database}",
        description="The database; `~` is the user's home directory.",
    )
    socket_path: Path = _setting(
        "AGENTD_SOCKET_PATH",
        kind=_PATH,
        default=lambda home: str(home.socket),
        description="Unix socket that the daemon listens on.",
    )
    node_timeout_secs: int = _setting(
        "AGENTD_NODE_TIMEOUT_SECS",
        kind=_integer(limits.LEASE_SECS_MIN, limits.LEASE_SECS_MAX),
        default=str(limits.NODE_TIMEOUT_SECS_DEFAULT),
        description="How long a node's lease lasts without a heartbeat.",
    )
    context_event_limit: int = _setting(
        "AGENTD_CONTEXT_EVENT_LIMIT",
        kind=_integer(0, limits.EVENTS_PAGE_MAX),
        default=str(limits.CONTEXT_EVENTS_DEFAULT),
        description="Recent events of the task in an acquired node's context.",
    )
    max_line_bytes: int = _setting(
        "AGENTD_MAX_LINE_BYTES",
        kind=_integer(limits.LINE_BYTES_MIN, 1 << 30),
        default=str(limits.LINE_BYTES_DEFAULT),
        description="Longest request line that the daemon reads.",
    )
    max_connections: int = _setting(
        "AGENTD_MAX_CONNECTIONS",
        kind=_integer(1),
        default=str(limits.CONNECTIONS_DEFAULT),
        description="Clients at a time.",
    )
    max_waiters: int = _setting(
        "AGENTD_MAX_WAITERS",
        kind=_integer(0),
        default=str(limits.WAITERS_DEFAULT),
        description="Calls that wait at a time.",
    )
    sweep_secs: float = _setting(
        "AGENTD_SWEEP_SECS",
        kind=_number(3600, zero=False),
        default="1",
        description="How soon, at most, an expired lease shows in the journal by itself.",
    )
    drain_secs: float = _setting(
        "AGENTD_DRAIN_SECS",
        kind=_number(600, zero=True),
        default="10",
        description="How long a stopping daemon finishes its work.",
    )
    log: str = _setting(
        "AGENTD_LOG",
        "RUST_LOG",
        kind=_TEXT,
        default="agentd=info",
        description="Log filter: a level, or `agentd=debug` in the syntax of RUST_LOG.",
    )
    log_format: str = _setting(
        "AGENTD_LOG_FORMAT",
        kind=_one_of("auto", "text", "json"),
        default="auto",
        description="`json` lines, `text` for people, `auto`: text on a terminal.",
    )

    hook_policy: str = _setting(
        "AGENTD_HOOK_POLICY",
        kind=_one_of("strict", "guarded", "advisory"),
        default="guarded",
        description="What `agentd-hook` refuses: `guarded`: what another agent holds, and what it "
        "cannot find out; `strict`: also every write while no daemon runs; `advisory`: nothing.",
    )
    hook_lock_secs: int = _setting(
        "AGENTD_HOOK_LOCK_SECS",
        kind=_integer(limits.LEASE_SECS_MIN, limits.LEASE_SECS_MAX),
        default="900",
        description="How long a lock that `agentd-hook` takes lasts without a sign of its agent.",
    )

    guard_policy: str = _setting(
        "AGENTD_GUARD_POLICY",
        kind=_one_of("strict", "guarded", "advisory"),
        default="guarded",
        description="What git's hooks refuse: `guarded`: what somebody else has locked, and what "
        "they cannot find out; `strict`: also everything while no daemon runs; `advisory`: "
        "nothing.",
    )

    deepseek_api_key: str | None = _setting(
        "DEEPSEEK_API_KEY",
        kind=_TEXT,
        default=None,
        description="The key for DeepSeek's API: `run deepseek`, `propose --with deepseek`, the "
        "DeepSeek loop.",
        secret=True,
    )
    deepseek_base_url: str = _setting(
        "DEEPSEEK_BASE_URL",
        kind=_TEXT,
        default="https://api.deepseek.com",
        description="Where DeepSeek's API is, or one that speaks like it.",
    )
    deepseek_model: str = _setting(
        "DEEPSEEK_MODEL",
        kind=_TEXT,
        default="deepseek-flash",
        description="Which of DeepSeek's models is asked.",
    )
    deepseek_max_tokens: int = _setting(
        "DEEPSEEK_MAX_TOKENS",
        kind=_integer(1, 384_000),
        default="120",
        description="Longest answer in the DeepSeek loop; longer ones come in parts.",
    )
    deepseek_temperature: float = _setting(
        "DEEPSEEK_TEMPERATURE",
        kind=_number(2, zero=True),
        default="0.2",
        description="How freely the DeepSeek loop's model answers.",
    )
    agent_workers: int = _setting(
        "AGENTD_AGENT_WORKERS",
        kind=_integer(1, 64),
        default="2",
        description="Workers at a time in the DeepSeek loop.",
    )
    artifact_dir: Path = _setting(
        "AGENTD_ARTIFACT_DIR",
        kind=_PATH,
        default=lambda home: str(home.artifacts),
        description="Where the DeepSeek loop puts what its agents make.",
    )

    @property
    def home_layout(self) -> Home:
        """What lies where below `home`."""
        return Home(self.home)

    @property
    def private_paths(self) -> tuple[Path, ...]:
        """What no program from outside may see: all that agentd keeps, and where keys are."""
        return (self.home, self.env_file)


VARIABLES: Final[Mapping[str, Variable]] = {
    each.name: each.metadata[""] for each in fields(Settings)
}
"""Each field of `Settings` as the environment has it."""


def process_environment() -> dict[str, str]:
    """A copy of the process environment, for the programs that agentd starts."""
    return dict(os.environ)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that these variables make.

    Raises `InvalidParams` naming a wrong one, and `Unavailable` (`home_unusable`) where a path lies
    in the home directory of a user who has none.
    """
    home = Home(VARIABLES["home"].value(environment, HOME_DEFAULT))
    return Settings(**{name: each.value(environment, home) for name, each in VARIABLES.items()})


def load_settings() -> Settings:
    """The settings of this installation.

    Raises `InvalidParams` naming the variable for a value that it may not have and for an env file
    that was named but is not there, and for one that cannot be read; `PermissionDenied` for one
    with a key in it that other users may read.
    """
    environment = {name: text for name, text in os.environ.items() if text}
    path = read_settings(environment).env_file
    if path.is_file():
        environment = {**_unless_set(_env_file_values(path), environment), **environment}
        environment[_ENV_FILE] = str(path)
    elif _ENV_FILE in environment:
        raise InvalidParams(
            "invalid_field",
            f"{_ENV_FILE} names {path}, which is not a file",
            hint=f"Correct the path, or unset {_ENV_FILE}.",
            path=_ENV_FILE,
            rule="must be a file",
        )
    return read_settings(environment)


def _unless_set(values: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """What of an env file counts: no other name of a setting that the environment has, either."""
    known = {
        name
        for variable in VARIABLES.values()
        if not environment.keys().isdisjoint(variable.names)
        for name in variable.names
    }
    return {name: text for name, text in values.items() if name not in known}


def _env_file_values(path: Path) -> dict[str, str]:
    """What an env file sets. Raises `InvalidParams` and, for an exposed key, `PermissionDenied`."""
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _bad_env_file(path, f"cannot read {path}: {reason}") from None
    wrong = next((line for line in parse_stream(StringIO(text)) if line.error), None)
    if wrong is not None:
        raise _bad_env_file(path, f"line {wrong.original.line} of {path} is no NAME=value")
    values = {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value}
    secrets = [name for name in values if name.endswith(SECRET_SUFFIXES)]
    if secrets and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PermissionDenied(
            "insecure_permissions",
            f"{path} holds {secrets[0]} and can be read by other users",
            hint=f"Run: chmod 600 {path}",
            path=str(path),
        )
    return values


def _bad_env_file(path: Path, message: str) -> InvalidParams:
    return InvalidParams(
        "invalid_field",
        message,
        hint="Correct the file; a line is NAME=value, and # begins a comment.",
        path=str(path),
        rule="must hold NAME=value lines",
    )
