"""`[proposals]` of the policy: who may make merge proposals, and how merge drivers are called.

It decides which keys exist and what a driver's command has to look like; it must not know who the
makers are, since a model's name is one as well. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from agentd.conflicts.policy.fields import Names, PathGlobs, Secs, Section, Text
from agentd.conflicts.policy.path_globs import first_match

PLACEHOLDERS: Final[Mapping[str, str]] = {
    "%O": "the file as both sides found it",
    "%A": "the file as the first side has it; the driver leaves its result here",
    "%B": "the file as the second side has it",
    "%L": "the length of conflict markers",
    "%P": "the path of the file in the repository",
    "%%": "a percent sign",
}
"""What git fills in for a merge driver, too."""

_PLACEHOLDER: Final = re.compile(r"%.?")


def _driver_command(words: tuple[str, ...]) -> tuple[str, ...]:
    used = {found for word in words for found in _PLACEHOLDER.findall(word)}
    unknown = sorted(used - PLACEHOLDERS.keys())
    if unknown:
        raise ValueError(f"must not contain {unknown[0]!r}; there are {', '.join(PLACEHOLDERS)}")
    missing = [name for name in ("%O", "%A", "%B") if name not in used]
    if missing:
        raise ValueError(f"must contain {missing[0]}, {PLACEHOLDERS[missing[0]]}")
    if "/" in words[0] and not words[0].startswith("/"):
        raise ValueError(
            "must begin with a program's name or its absolute path: it runs outside of the checkout"
        )
    return words


class Driver(Section):
    """One `[[proposals.drivers]]` table: a program that git could use as a merge driver."""

    name: Text
    """What `makers` and `propose --with` call it."""
    command: Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(_driver_command)]
    """Program and arguments, with git's placeholders; no shell is involved."""
    files: PathGlobs = ("*",)
    """The files that it may be given."""
    timeout_secs: Secs = 60.0
    """For one file."""

    def reads(self, path: str) -> bool:
        """Whether it may be given this file."""
        return first_match(self.files, path) is not None

    def arguments(self, filled: Mapping[str, str]) -> list[str]:
        """The command with what stands for each placeholder but `%%`."""
        values = {**filled, "%%": "%"}
        return [_PLACEHOLDER.sub(lambda found: values[found[0]], word) for word in self.command]


KNOWN_DRIVERS: Final = (
    Driver(name="mergiraf", command=("mergiraf", "merge", "--git", "%O", "%A", "%B", "-p", "%P")),
)
"""Drivers that need no table, where their program is on PATH."""


class Proposals(Section):
    """`[proposals]`: who is asked for a merge of what conflicts, in this order."""

    makers: Names = ("entity",)
    drivers: tuple[Driver, ...] = ()
    private: PathGlobs = ()
    """Files that are never shown to a model."""
    mechanical_only: bool = False
    """Whether `entity` leaves out what people may well make something else of."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        names = [driver.name for driver in self.drivers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"must have one table for each of its `drivers`, not two {name!r}")
            if name == "entity":
                raise ValueError("must call none of its `drivers` 'entity', which is built in")
        return self

    @property
    def all_drivers(self) -> tuple[Driver, ...]:
        """The policy's own drivers, and then the known ones."""
        return (*self.drivers, *KNOWN_DRIVERS)

    def driver(self, name: str) -> Driver | None:
        """The driver of this name, the policy's own before a known one."""
        return next((each for each in self.all_drivers if each.name == name), None)

    def is_private(self, path: str) -> bool:
        """Whether no model may see this file."""
        return first_match(self.private, path, ignore_case=True) is not None
