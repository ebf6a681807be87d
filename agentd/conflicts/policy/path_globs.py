"""What the globs of a policy match: paths of a repository, and commands that a bundle names.

A path glob follows git's ignore files, which whoever writes a policy knows already:

- `*` and `?` match within one part of a path, `**` any number of whole parts, `[a-c]` and `[!a-c]`
  one character; `\\` takes the next character as it is.
- A glob without a slash matches a name at any depth (`*.lock`); one with a slash is anchored at
  the root of the repository (`docs/*.md`, `/Makefile`).
- What matches a directory matches everything in it (`vendor`, `vendor/`, `src/*/gen`); a slash at
  the end says that only the inside of a directory is meant.

A command glob knows one wildcard, `*`, and that never stands for a character that means something
to a shell: `pytest *` matches `pytest tests/x.py -q` and not `pytest; curl …`.

Paths and commands come from agents, so no text may make the search go back and forth: a wildcard
takes as little as what follows it needs, once and for all (`(?>…)`). Whatever more it might take
would leave less to the rest, and the rest never needs less.

This module must not know what a matching path or command is allowed to do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

GLOB_CHARACTERS_MAX: Final = 1_000
_SHELL_SAFE: Final = r"[A-Za-z0-9_@%+=:,./ -]"
"""What `*` in a command glob stands for: no quoting, expansion, redirection, separator, newline."""


class GlobError(ValueError):
    """The text is not a glob. The message is a rule, worded to follow the key's name."""


def path_matches(glob: str, path: str, *, ignore_case: bool = False) -> bool:
    """Whether a path, or a directory that it lies in, matches the glob.

    `path` is relative to the root of the repository, with `/` between its parts.
    """
    return compile_path_glob(glob, ignore_case=ignore_case).fullmatch(path) is not None


def first_match(globs: tuple[str, ...], path: str, *, ignore_case: bool = False) -> str | None:
    """The first of the globs that matches the path."""
    for glob in globs:
        if path_matches(glob, path, ignore_case=ignore_case):
            return glob
    return None


@lru_cache(maxsize=65_536)  # More than a policy has room for.
def compile_path_glob(glob: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """The glob as an expression for whole paths. Raises `GlobError`."""
    body = _checked_body(glob)
    only_inside = body.endswith("/")
    anchored = "/" in body.rstrip("/")
    parts = [part for part in body.strip("/").split("/") if part]
    if not anchored:
        parts.insert(0, "**")
    tail = "/.+" if only_inside else "(?:/.+)?"
    expression = _parts_expression(parts, tail)
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def command_matches(glob: str, command: str) -> bool:
    """Whether a command is the glob itself, or differs only in harmless text where it has `*`."""
    if command == glob:
        return True
    literals = [re.escape(literal) for literal in re.split(r"\*+", glob)]
    return re.fullmatch(_joined(literals, _SHELL_SAFE), command) is not None


def _checked_body(glob: str) -> str:
    if len(glob) > GLOB_CHARACTERS_MAX:
        raise GlobError(f"must have at most {GLOB_CHARACTERS_MAX:,} characters")
    if not glob.strip("/"):
        raise GlobError("must name something")
    if glob.startswith("!"):
        raise GlobError("must not begin with `!`; a glob cannot take back what another matches")
    if "\0" in glob or "\n" in glob:
        raise GlobError("must be one line of text")
    parts = glob.strip("/").split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise GlobError("must not have empty, `.` or `..` parts; paths begin at the root")
    return glob


def _parts_expression(parts: list[str], tail: str) -> str:
    """Joins the parts; `**` takes the slash beside it along, so that it may stand for nothing."""
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_part_expression(part))
    first, *others = ["/".join(run) for run in runs]
    if not others:
        return first + tail
    start = f"{first}/" if first else ""
    middle = "".join(f"(?>(?:[^/]*/)*?{run}/)" for run in others[:-1] if run)
    return start + middle + (f"(?:[^/]*/)*?{others[-1]}{tail}" if others[-1] else ".+")


def _part_expression(part: str) -> str:
    if "**" in part:
        raise GlobError("must have `**` only as a whole part, as in `docs/**/index.md`")
    literals, index = [""], 0
    while index < len(part):
        character = part[index]
        index += 1
        if character == "*":
            literals.append("")
        elif character == "?":
            literals[-1] += "[^/]"
        elif character == "[":
            chosen, index = _character_class(part, index)
            literals[-1] += chosen
        elif character == "\\":
            if index == len(part):
                raise GlobError("must not end a part with a lone `\\`")
            literals[-1] += re.escape(part[index])
            index += 1
        else:
            literals[-1] += re.escape(character)
    return _joined(literals, "[^/]")


def _joined(literals: Sequence[str], wild: str) -> str:
    """The expressions, with any number of a wild character between each two."""
    if len(literals) == 1:
        return literals[0]
    middle = "".join(f"(?>{wild}*?{literal})" for literal in literals[1:-1] if literal)
    return f"{literals[0]}{middle}{wild}*{literals[-1]}"


def _character_class(part: str, start: int) -> tuple[str, int]:
    """The expression for `[…]` and the index behind it; `start` is behind the bracket."""
    negated = part[start : start + 1] in ("!", "^")
    first = start + 1 if negated else start
    end = part.find("]", first + 1)  # A bracket right at the start is a member.
    if end < 0:
        raise GlobError("must close each `[` with `]`")
    members = re.sub(r"([\\\[\]^&~|])", r"\\\1", part[first:end])
    expression = f"(?!/)[{'^' if negated else ''}{members}]"
    try:
        re.compile(expression)
    except re.error as error:
        raise GlobError("must have character ranges from low to high") from error
    return expression, end + 1
