"""Who commits in the tests' repositories, and when: the same on every machine, each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ROLES: Final = ("AUTHOR", "COMMITTER")

SOMEBODY: Final[Mapping[str, str]] = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{role}_NAME": "Somebody" for role in _ROLES},
    **{f"GIT_{role}_EMAIL": "somebody@example.invalid" for role in _ROLES},
}
"""Variables for git: an identity, and no configuration of the machine's."""

ALWAYS_THEN: Final[Mapping[str, str]] = {
    f"GIT_{role}_DATE": "2026-01-31T12:00:00Z" for role in _ROLES
}
"""One date for all commits: who of equals comes first is a matter of ids, and so of commits."""
