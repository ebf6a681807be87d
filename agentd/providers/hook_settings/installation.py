"""Installs the hook with a vendor's program, looks whether it is there, and takes it out.

Everything is first planned as changes of files; carrying them out is another step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from agentd.errors import DependencyFailed
from agentd.providers.hook_settings.changes import Change, read_text, unreadable
from agentd.providers.hook_settings.codex_trust import (
    SETTINGS_FILE,
    expected_trust,
    missing_trust,
    with_trust,
    without_trust,
)
from agentd.providers.hook_settings.entries import NAME, VENDORS, Scope, Vendor
from agentd.providers.hook_settings.hook_command import HookCommand
from agentd.providers.hook_settings.json_hooks import (
    OddSettings,
    named,
    our_groups,
    with_groups,
    with_named,
    without_groups,
    without_named,
)
from agentd.providers.hook_settings.json_text import NotJson, filled, is_blank, parse
from agentd.providers.hook_settings.toml_tables import NotToml, OddToml

_SPOILT = (NotJson, OddSettings, NotToml, OddToml)


@dataclass(frozen=True, slots=True)
class Place:
    """Where settings are looked for."""

    home: Path
    """The user's."""
    project: Path
    """The top of the worktree."""
    variables: Mapping[str, str]
    """The environment: it may move the vendors' directories."""

    def file(self, vendor: Vendor, scope: Scope) -> Path:
        """A vendor's settings file."""
        return vendor.path(scope, home=self.home, project=self.project, variables=self.variables)


class State(StrEnum):
    """Whether the hook is in a settings file."""

    ABSENT = "absent"
    INSTALLED = "installed"
    OUTDATED = "outdated"
    """It is there, and not as it would be installed today."""
    UNTRUSTED = "untrusted"
    """It is there, and the program skips it."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a settings file."""

    provider: str
    scope: Scope
    path: Path
    state: State
    detail: str = ""
    groups: Mapping[str, list[Any]] | None = None
    """Our groups of hooks by event, where there are any."""

    @property
    def is_there(self) -> bool:
        """Whether there is a hook of ours that could be run."""
        return self.state in (State.INSTALLED, State.OUTDATED, State.UNTRUSTED)


def plan_install(
    provider: str, scope: Scope, place: Place, command: HookCommand
) -> tuple[Change, ...]:
    """The changes that install the hook; none where it is there. Raises `settings_unreadable`."""
    vendor = VENDORS[provider]
    path = place.file(vendor, scope)
    before = read_text(path)
    settings = None if before is None else filled(before)
    wanted = vendor.groups(command)
    try:
        if vendor.named:
            after = with_named(settings, NAME, _named_value(wanted))
        else:
            after = with_groups(settings, wanted)
    except _SPOILT as error:
        raise unreadable(path, str(error)) from None
    changes = [Change(path, before, after)]
    if provider == "codex":
        changes = [*_trust_changes(place, path, settings, after), *changes]
    return tuple(change for change in changes if not change.is_empty)


def plan_removal(provider: str, scope: Scope, place: Place) -> tuple[Change, ...]:
    """The changes that take the hook out; none where it is not there.

    Raises `settings_unreadable`.
    """
    vendor = VENDORS[provider]
    path = place.file(vendor, scope)
    before = read_text(path)
    if before is None or is_blank(before):
        return ()
    try:
        after = without_named(before, NAME) if vendor.named else without_groups(before)
    except _SPOILT as error:
        raise unreadable(path, str(error)) from None
    changes = [Change(path, before, after)]
    if provider == "codex":
        changes += _trust_changes(place, path, before, None)
    return tuple(change for change in changes if not change.is_empty)


def look(provider: str, scope: Scope, place: Place, command: HookCommand) -> Found:
    """What there is of the hook in a settings file."""
    vendor = VENDORS[provider]
    path = place.file(vendor, scope)
    try:
        text = read_text(path)
        if text is None or is_blank(text):
            return Found(provider, scope, path, State.ABSENT)
        groups = _groups_in(vendor, text)
        if not groups:
            return Found(provider, scope, path, State.ABSENT)
        if provider == "codex" and (why := _distrust(place, path, text)):
            return Found(provider, scope, path, State.UNTRUSTED, why, groups)
    except _SPOILT as error:
        return Found(provider, scope, path, State.UNREADABLE, str(error))
    except DependencyFailed as error:
        return Found(provider, scope, path, State.UNREADABLE, error.message)
    if groups != vendor.groups(command):
        return Found(provider, scope, path, State.OUTDATED, "install it again", groups)
    return Found(provider, scope, path, State.INSTALLED, "", groups)


def _groups_in(vendor: Vendor, text: str) -> dict[str, list[Any]]:
    if not vendor.named:
        return our_groups(text)
    value = named(text, NAME)
    return {} if value is None else {k: v for k, v in value.items() if k in vendor.events}


def _named_value(groups: Mapping[str, Any]) -> dict[str, Any]:
    return {"enabled": True, **groups}


def _trust_changes(
    place: Place, hooks_file: Path, before: str | None, after: str | None
) -> list[Change]:
    """Takes away the trust in the hooks as they were, and gives it to those that will be there."""
    path = place.file(VENDORS["codex"], Scope.USER).with_name(SETTINGS_FILE)
    text = read_text(path)
    old = expected_trust(hooks_file, parse(before).value) if before is not None else {}
    new = expected_trust(hooks_file, parse(after).value) if after is not None else {}
    gone = {key: digest for key, digest in old.items() if new.get(key) != digest}
    try:
        left = without_trust(text, gone) if text is not None else None
        return [Change(path, text, with_trust(left, new))]
    except _SPOILT as error:
        raise unreadable(path, str(error)) from None


def _distrust(place: Place, hooks_file: Path, text: str) -> str:
    """Why Codex would skip the hooks of a file; empty where it would not."""
    path = place.file(VENDORS["codex"], Scope.USER).with_name(SETTINGS_FILE)
    missing = missing_trust(read_text(path), expected_trust(hooks_file, parse(text).value))
    return f"{path} does not trust {missing[0]}" if missing else ""
