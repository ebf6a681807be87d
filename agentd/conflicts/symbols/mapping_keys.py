"""Keys that stand twice in one mapping of a JSON, TOML or YAML file.

Readers of these formats take the last one, or refuse the file; either way somebody's entry is lost
in silence. Pure; knows one file. YAML is read by its indentation alone, block mappings of plain
keys only; where that is not enough nothing is said.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from posixpath import splitext
from typing import Final

from agentd.conflicts.toml_text import NotToml, load_toml

_YAML_KEY: Final = re.compile(r"^( *)((?:- +)*)([A-Za-z0-9_.$/@-]+|\"[^\"]*\"|'[^']*')\s*:(?:\s|$)")
_ANY_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9_.$/@-])([A-Za-z0-9_.$/@-]++)[\"'\]]*\s*(?:[:=]|\]\s*$)", re.MULTILINE
)
_JSON_STRING: Final = r'"(?:[^"\\]|\\.)*+"?'
"""One without an end goes as far as it can, so that nobody looks for its end again and again."""
_JSON_TOKEN: Final = re.compile(
    rf"({_JSON_STRING}|/\*(?![\s\S]*?\*/)[\s\S]*)|//[^\n]*|/\*[\s\S]*?\*/"
)
_LAST_COMMA: Final = re.compile(rf"({_JSON_STRING})|,(\s*+[}}\]])")
_TEMPLATE: Final = re.compile(r"(?<!\$)\{\{|\{%")
"""What fills in a text before it is YAML; `${{ … }}` of a workflow stands in its values."""
_REMARKS: Final = frozenset(("//", "#", "_comment", "$comment", "__comment__"))
"""JSON's keys for what nobody reads: any number of them is fine."""
_YAML_BLOCK_TEXT: Final = re.compile(r"(?:^|[\s:])[|>][-+0-9]*\s*(?:#.*)?$")
_YAML_ENDINGS: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class MappingKeys:
    """What a file says as a mapping."""

    parsed: bool
    twice: Counter[str]
    """Keys, by their way from the top, that stand there more than once; how often."""
    plain: bool = True
    """Whether its format's own rules are enough, and not only those of lenient tools."""
    problem: str = ""
    """What is wrong with one that is not plain, in its parser's words."""
    line: int = 1
    """Where that is."""


def is_mapping_file(path: str) -> bool:
    """Whether a file's name says that it is read here."""
    return splitext(path)[1].lower() in (".json", ".toml", *_YAML_ENDINGS)


def read_mapping(path: str, content: bytes) -> MappingKeys:
    """The keys that stand twice, and whether the file can be read at all."""
    text = content.decode("utf-8-sig", "replace")
    ending = splitext(path)[1].lower()
    if ending == ".json":
        return _json(text)
    if ending == ".toml":
        return _toml(text)
    if _TEMPLATE.search(text):
        return MappingKeys(
            parsed=True, twice=Counter()
        )  # A template: which keys there are, it decides.
    return MappingKeys(parsed=True, twice=_yaml(text.splitlines()))


def key_names(content: bytes) -> Counter[str]:
    """What looks like a key anywhere in a file, in any of the formats."""
    return Counter(_ANY_KEY.findall(content.decode("utf-8", "replace")))


def key_at(content: bytes, line: int) -> str:
    """The key that a line has, from 1; empty where it has none."""
    lines = content.decode("utf-8", "replace").splitlines()
    names = _ANY_KEY.findall(lines[line - 1]) if 1 <= line <= len(lines) else []
    return names[0] if names else ""


def key_line(content: bytes, key: str) -> int:
    """The last line that has a key, from 1."""
    name = key.rpartition("/")[2]
    lines = content.decode("utf-8", "replace").splitlines()
    return max(
        (index for index, line in enumerate(lines, 1) if name in _ANY_KEY.findall(line)), default=1
    )


def _json(text: str) -> MappingKeys:
    twice: Counter[str] = Counter()

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        counted = Counter(name for name, _ in pairs)
        repeated = {name for name, count in counted.items() if count > 1} - _REMARKS
        twice.update({name: counted[name] for name in repeated})
        return dict(pairs)

    problem, line = "", 1
    for source in (text, _without_comments(text)):
        twice.clear()
        try:
            json.loads(source, object_pairs_hook=collect)
        except (ValueError, RecursionError) as wrong:
            problem, line = problem or str(wrong), getattr(wrong, "lineno", line)
            continue
        return MappingKeys(parsed=True, twice=twice, plain=not problem, problem=problem, line=line)
    return MappingKeys(parsed=False, twice=Counter(), plain=False, problem=problem, line=line)


def _without_comments(text: str) -> str:
    """The same without the comments and last commas that many a tool's JSON may have."""
    plain = _JSON_TOKEN.sub(lambda found: found[1] or " ", text)
    return _LAST_COMMA.sub(lambda found: found[1] or found[2], plain)


def _toml(text: str) -> MappingKeys:
    try:
        load_toml(text)
    except NotToml as wrong:  # A key that stands twice is an error there.
        return MappingKeys(
            parsed=False, twice=Counter(), plain=False, problem=str(wrong), line=wrong.line
        )
    return MappingKeys(parsed=True, twice=Counter())


@dataclass(slots=True)
class _Mapping:
    """A block mapping that is being read: where its keys begin, and which there are."""

    column: int
    way: str
    current: str = ""
    seen: Counter[str] = field(default_factory=Counter)


def _yaml(lines: Sequence[str]) -> Counter[str]:
    twice: Counter[str] = Counter()
    open_ones: list[_Mapping] = []
    text_above: int | None = None
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip(" "))
        if text_above is not None and indent > text_above:
            continue  # Inside a block of text.
        text_above = None
        if line.startswith(("---", "...")):
            open_ones = []
            continue
        if line.lstrip().startswith("- "):
            # Every item of a list begins a mapping of its own.
            open_ones = [each for each in open_ones if each.column <= indent]
        found = _YAML_KEY.match(line)
        column = indent if found is None else indent + len(found[2])
        if found is not None:
            _take_key(open_ones, column, found[3].strip("\"'"), twice)
        if _YAML_BLOCK_TEXT.search(line):
            text_above = column
    return twice


def _take_key(open_ones: list[_Mapping], column: int, name: str, twice: Counter[str]) -> None:
    while open_ones and open_ones[-1].column > column:
        open_ones.pop()
    if not open_ones or open_ones[-1].column < column:
        above = f"{open_ones[-1].way}{open_ones[-1].current}/" if open_ones else ""
        open_ones.append(_Mapping(column, above))
    mapping = open_ones[-1]
    mapping.current = name
    mapping.seen[name] += 1
    if name != "<<" and mapping.seen[name] > 1:
        key = f"{mapping.way}{name}"
        twice[key] = max(twice[key], mapping.seen[name])
