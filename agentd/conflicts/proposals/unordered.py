"""Which values and keys may stand in any order, and what a listed value is about. Pure.

A list of words is most often a set: files, names, dependencies. Some lists are not, and what they
are called or hold says so; these are left alone.
"""

from __future__ import annotations

import re
from typing import Final

_ORDERED: Final = re.compile(
    r"(?:.*[_.-])?(?:args?|argv|arguments|cmd|commands?|entrypoint|extends|install|middlewares?|order"
    r"|path|pipelines?|plugins|presets|run|scripts?|stages|steps)",
    re.IGNORECASE,
)
"""Lists whose values are taken one after the other."""
_REQUIREMENT: Final = re.compile(
    r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:[<>=~^@;]|!=).*", re.DOTALL
)
"""A package with the versions of it that will do."""


def may_be_listed_anywhere(value: str, called: str) -> bool:
    """Whether a value's place means nothing in a list that is called so.

    An option may belong to the word behind it, and what `!` takes out has to be in before.
    """
    return not value.startswith(("-", "!")) and _ORDERED.fullmatch(called) is None


def may_be_anywhere(key: str) -> bool:
    """Whether a key's place means nothing. Of conditions and patterns the first fit counts."""
    return key != "default" and not key.startswith("^")


def about(value: str) -> str:
    """What a listed value is about: the package, of a requirement."""
    requirement = _REQUIREMENT.fullmatch(value)
    return requirement[1] if requirement is not None else value
