"""Reads `config.toml`: which program each agent is, with which arguments and which environment.

    [agents.codex]
    command = "codex"
    args = ["--profile", "work"]
    env = { CODEX_HOME = "/home/me/codex" }
    stall_secs = 1800

A name that is not built in needs an `adapter`: a built-in one, or `package.module:NAME`.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentd.conflicts.policy.errors import PolicyProblem, problems_of
from agentd.errors import InvalidParams, PermissionDenied
from agentd.settings import SECRET_SUFFIXES

_ALIASES: Final = {
    "claude": "claude_code",
    "agy": "antigravity",
    "gemini_cli": "gemini",
    "codex_cli": "codex",
    "qwen_code": "qwen",
    "open_code": "opencode",
}
_TABLES: Final = ("agents",)
_FILE_BYTES_MAX: Final = 2**20
_NAME_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


class AgentEntry(BaseModel):
    """One table `[agents.NAME]`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    command: Annotated[str, Field(min_length=1)] | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    adapter: Annotated[str, Field(min_length=1)] | None = None
    stall_secs: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


def canonical_name(name: str) -> str:
    """The name by which an agent is known, for one of the ways to write it."""
    plain = name.strip().lower().replace("-", "_")
    return _ALIASES.get(plain, plain)


def read_agents(path: Path, built_in: tuple[str, ...]) -> dict[str, AgentEntry]:
    """What the file says about each agent; nothing where there is no file.

    Raises `invalid_field` or `unknown_field` naming the key and what it may be, and
    `insecure_permissions` where others may read a key in it.
    """
    data = _parsed(path)
    for name in data:
        if name not in _TABLES:
            _unknown_key(path, name, name, _TABLES)
    tables = data.get("agents", {})
    if not isinstance(tables, dict):
        _wrong(path, PolicyProblem("agents", "must be tables such as [agents.codex]"))
    entries: dict[str, AgentEntry] = {}
    for name, table in tables.items():
        key = canonical_name(name)
        if not set(key) <= _NAME_CHARS:
            _wrong(path, PolicyProblem(f"agents.{name}", "must have a name of letters and digits"))
        if key in entries:
            _wrong(path, PolicyProblem(f"agents.{name}", f"stands for {key}, which is there twice"))
        entries[key] = _entry(path, name, table)
        if key not in built_in and entries[key].adapter is None:
            _nobody(path, name, built_in)
    _check_secrets(path, entries)
    return entries


def _parsed(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        _unreadable(path, error.strerror or "it cannot be read")
    if len(text) > _FILE_BYTES_MAX:
        _unreadable(path, f"it is larger than {_FILE_BYTES_MAX:,} bytes")
    try:
        return tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        _unreadable(path, f"it is no TOML: {error}")


def _entry(path: Path, name: str, table: object) -> AgentEntry:
    if not isinstance(table, Mapping):
        _wrong(path, PolicyProblem(f"agents.{name}", "must be a table"))
    lists = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    try:
        return AgentEntry.model_validate(lists)
    except ValidationError as error:
        problem = problems_of(error, AgentEntry)[0]
        key = f"agents.{name}.{problem.key}"
        _wrong(path, PolicyProblem(key, problem.rule, problem.did_you_mean))


def _check_secrets(path: Path, entries: Mapping[str, AgentEntry]) -> None:
    names = [name for entry in entries.values() for name in entry.env]
    secret = next((name for name in names if name.endswith(SECRET_SUFFIXES)), None)
    if secret is not None and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PermissionDenied(
            "insecure_permissions",
            f"{path} holds {secret} and can be read by other users",
            hint=f"Run: chmod 600 {path}",
            path=str(path),
        )


def _nobody(path: Path, name: str, built_in: tuple[str, ...]) -> NoReturn:
    close = get_close_matches(canonical_name(name), built_in, n=1)
    rule = 'is not built in, so it needs an adapter, such as adapter = "command"'
    _wrong(path, PolicyProblem(f"agents.{name}", rule, close[0] if close else None))


def _unknown_key(path: Path, key: str, name: str, known: tuple[str, ...]) -> NoReturn:
    close = get_close_matches(name, known, n=1)
    rule = "no such key" if close else f"no such key; there are {', '.join(known)}"
    _wrong(path, PolicyProblem(key, rule, close[0] if close else None))


def _wrong(path: Path, problem: PolicyProblem) -> NoReturn:
    raise InvalidParams(
        "unknown_field" if problem.rule.startswith("no such key") else "invalid_field",
        f"{path}: {problem}",
        hint="An agent has command, args, env, adapter and stall_secs; see docs/providers.md.",
        path=problem.key,
        rule=problem.rule,
        did_you_mean=problem.did_you_mean,
    )


def _unreadable(path: Path, why: str) -> NoReturn:
    raise InvalidParams(
        "invalid_field",
        f"cannot use {path}: {why}",
        hint="Correct the file, or move it away.",
        path=str(path),
        rule="must be TOML",
    )
