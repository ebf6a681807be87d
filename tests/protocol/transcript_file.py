"""Golden transcripts as files: their steps, and how an expected reply is held against a real one.

    # The first comment is the title.
    with AGENTD_MAX_WAITERS=1      a setting of the daemon, before the first step
    A> {"id":1,"method":"Health"}  connection A sends this line, byte for byte
    A< {"id":1,"result":…}         the next line that A receives
    A sends "\\xff\\n"               A sends these bytes
    A half-close                   A closes its sending half
    A leaves                       A closes altogether
    A closed                       the daemon closes A
    clock +301s                    time passes; nobody looks whether a lease ran out
    sweep                          the daemon looks
    restart                        the daemon stops and starts again
    stop                           the daemon is told to stop
    disk full, disk free           what the next commits meet
    database locked, … free        another process holds the database's write lock, or lets go
    ids broken, ids whole          asking for a new identity raises what nobody expects, or works

Strings in replies: `"$name"` is any value the first time and the same one ever after, in requests,
too; `"@uuid"`, `"@time"`, `"@text"`, `"@number"`, `"@any"` match values of their kind; `"@now"` is
the clock's time, `"@now+300"` the Unix second 300 s from it. A member `"...": "..."` lets an object
have more members. In requests `@chars(9)` stands for 9 characters, `@copies(9, {})` for a list of
9, `@nested(9)` for 9 lists inside one another.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from agentd.core.clock import Instant, rfc3339


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a transcript."""

    line_number: int
    text: str
    connection: str
    """Empty for what happens to the daemon."""
    verb: str
    """`>`, `<`, or the first word."""
    rest: str


@dataclass(frozen=True, slots=True)
class TranscriptFile:
    """A transcript as it was written."""

    title: str
    settings: dict[str, str]
    steps: list[Step]

    @property
    def requests(self) -> list[str]:
        """The lines that are sent."""
        return [step.rest for step in self.steps if step.verb == ">"]

    @property
    def replies(self) -> list[Any]:
        """What is expected back, as JSON values with placeholders."""
        return [json.loads(step.rest) for step in self.steps if step.verb == "<"]


_LINE = re.compile(
    r"(?P<connection>[A-Z])(?P<verb>[<>]| half-close| leaves| closed| sends)(?P<rest>.*)"
)
_HAPPENING = re.compile(r"(?P<verb>clock|sweep|restart|stop|disk|database|ids)\b(?P<rest>.*)")


def read(path: Path) -> TranscriptFile:
    """The transcript in a file. Raises `ValueError` for a line that is none of the above."""
    title, settings, steps = "", {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        if text.startswith("#"):
            title = title or text.removeprefix("#").strip()
        elif text.startswith("with "):
            name, _, value = text.removeprefix("with ").partition("=")
            settings[name] = value
        elif match := _LINE.fullmatch(text):
            verb, rest = match["verb"].strip(), match["rest"].strip()
            steps.append(Step(number, text, match["connection"], verb, rest))
        elif match := _HAPPENING.fullmatch(text):
            steps.append(Step(number, text, "", match["verb"], match["rest"].strip()))
        elif text:
            raise ValueError(f"{path.name}:{number}: not a step: {text}")
    if not title:
        raise ValueError(f"{path.name} has no title")
    return TranscriptFile(title, settings, steps)


class Values:
    """What the `$names` of one run stand for."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def fill(self, line: str) -> str:
        """The line of a request with everything that stands for something replaced."""
        line = re.sub(r"@chars\((\d+)\)", lambda match: "x" * int(match[1]), line)
        line = re.sub(r"@nested\((\d+)\)", _nested, line)
        line = re.sub(r"@copies\((\d+), (.*?)\)", _copies, line)
        return re.sub(r'"\$(\w+)"', lambda match: json.dumps(self._values[match[1]]), line)

    def difference(self, expected: Any, actual: Any, now: Instant, where: str = "reply") -> str:
        """Where the real value is not the expected one, in words; empty if it is."""
        if isinstance(expected, dict) and isinstance(actual, dict):
            return self._object_difference(expected, actual, now, where)
        if isinstance(expected, list) and isinstance(actual, list):
            if len(expected) != len(actual):
                return f"{where} has {len(actual)} elements, not {len(expected)}: {actual}"
            pairs = enumerate(zip(expected, actual, strict=True))
            found = (self.difference(e, a, now, f"{where}[{n}]") for n, (e, a) in pairs)
            return next(filter(None, found), "")
        if isinstance(expected, str) and expected.startswith("$"):
            expected = self._values.setdefault(expected[1:], actual)
        elif isinstance(expected, str) and expected.startswith("@"):
            return (
                ""
                if _is_of_kind(expected, actual, now)
                else f"{where}: {actual!r} is no {expected}"
            )
        same = expected == actual and type(expected) is type(actual)
        return "" if same else f"{where}: {actual!r}, not {expected!r}"

    def _object_difference(
        self, expected: dict[str, Any], actual: dict[str, Any], now: Instant, where: str
    ) -> str:
        wanted = {name: value for name, value in expected.items() if name != "..."}
        missing = wanted.keys() - actual.keys()
        surplus = actual.keys() - wanted.keys() if "..." not in expected else set()
        if missing or surplus:
            return f"{where} lacks {sorted(missing)} and has besides {sorted(surplus)}: {actual}"
        found = (self.difference(wanted[n], actual[n], now, f"{where}.{n}") for n in wanted)
        return next(filter(None, found), "")


def _nested(match: re.Match[str]) -> str:
    return "[" * int(match[1]) + "]" * int(match[1])


def _copies(match: re.Match[str]) -> str:
    return f"[{','.join([match[2]] * int(match[1]))}]"


def _is_of_kind(kind: str, value: Any, now: Instant) -> bool:
    if kind.startswith("@now+"):
        return bool(value == -(-now // 1000) + int(kind[5:]))
    match kind:
        case "@any":
            return True
        case "@now":
            return bool(value == rfc3339(now))
        case "@text":
            return isinstance(value, str) and bool(value)
        case "@number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "@time":
            pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
            return isinstance(value, str) and re.fullmatch(pattern, value) is not None
        case "@uuid":
            return isinstance(value, str) and str(UUID(value)) == value
    raise ValueError(f"no kind of value is called {kind}")
