"""What a resource key covers, and which keys therefore exclude one another.

`file:` and `dir:` keys name paths relative to the repository and are normalised; a `dir:` key
covers everything below it. Any other key is opaque and equals only itself. Pure: knows no lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NewType

from agentd.core.limits import RESOURCE_KEY_CHARS_MAX

ResourceKey = NewType("ResourceKey", str)
"""A normalised key: equal keys are equal strings."""

_PATH_KINDS = ("file", "dir")
_ROOT = "."
_LAST_CHARACTER = "\U0010ffff"
_SURROGATES = range(0xD800, 0xE000)
"""No characters of their own: they cannot stand in UTF-8 text."""


class BadResourceKey(ValueError):
    """The text is no resource key. The message is the rule that it breaks."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """All keys `k` with `start <= k < stop`, in the order of their code points."""

    start: str
    stop: str


@lru_cache(maxsize=1024)  # The same files are asked for again and again.
def normalise(text: str) -> ResourceKey:
    """The one spelling of a key.

    `file:./src//a.py` becomes `file:src/a.py`, `dir:src/` becomes `dir:src`, `dir:` and `dir:/`
    are refused, `dir:.` covers the whole repository. Raises `BadResourceKey`.
    """
    if not text or text.isspace():
        raise BadResourceKey("a resource key may not be empty")
    if len(text) > RESOURCE_KEY_CHARS_MAX:
        raise BadResourceKey(f"a resource key has at most {RESOURCE_KEY_CHARS_MAX} characters")
    if "\0" in text:
        raise BadResourceKey("a resource key may not contain NUL")
    kind, colon, path = text.partition(":")
    if not colon or kind not in _PATH_KINDS:
        return ResourceKey(text)
    return ResourceKey(f"{kind}:{_normal_path(kind, path)}")


def _normal_path(kind: str, path: str) -> str:
    if path.startswith("/"):
        raise BadResourceKey("the path must be relative to the repository, not absolute")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadResourceKey("the path may not contain '..'")
    if parts:
        return "/".join(parts)
    if kind == "dir" and path.startswith("."):
        return _ROOT
    raise BadResourceKey(f"'{kind}:' needs a path")


def is_path_key(key: ResourceKey) -> bool:
    """Whether the key names a file or a directory of the repository."""
    return key.startswith(("file:", "dir:"))


def overlapping_keys(key: ResourceKey) -> tuple[ResourceKey, ...]:
    """The keys outside `key`'s own subtree that overlap it, itself first.

    For a path these are the path as a file, the path as a directory, and each directory above it:
    at most its depth plus three, so that each can be looked up in an index.
    """
    if not is_path_key(key):
        return (key,)
    kind, _, path = key.partition(":")
    keys = [key]
    if path != _ROOT:
        keys.append(ResourceKey(f"{'dir' if kind == 'file' else 'file'}:{path}"))
        parent = path
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            keys.append(ResourceKey(f"dir:{parent}"))
        keys.append(ResourceKey(f"dir:{_ROOT}"))
    return tuple(keys)


def covered_ranges(key: ResourceKey) -> tuple[KeyRange, ...]:
    """The ranges of keys that lie below `key`: none unless it is a `dir:` key."""
    kind, _, path = key.partition(":")
    if kind != "dir":
        return ()
    if path == _ROOT:  # Everything but the root itself, which would stand in the middle.
        return (KeyRange("file:", "file;"), KeyRange("dir:", key), KeyRange(f"{key}\0", "dir;"))
    # '0' is the character after '/', so the range holds exactly what starts with 'path/'.
    return tuple(KeyRange(f"{below}:{path}/", f"{below}:{path}0") for below in _PATH_KINDS)


def prefix_range(prefix: str) -> KeyRange:
    """All keys that start with `prefix`, as text; the prefix need not be a key itself."""
    stem = prefix.rstrip(_LAST_CHARACTER)
    if not stem:
        return KeyRange(prefix, _LAST_CHARACTER * (RESOURCE_KEY_CHARS_MAX + 1))
    following = ord(stem[-1]) + 1
    if following in _SURROGATES:
        following = _SURROGATES.stop
    return KeyRange(prefix, stem[:-1] + chr(following))


def overlap(left: ResourceKey, right: ResourceKey) -> bool:
    """Whether two normalised keys name a common resource."""
    if left in overlapping_keys(right) or right in overlapping_keys(left):
        return True
    return any(r.start <= right < r.stop for r in covered_ranges(left)) or any(
        r.start <= left < r.stop for r in covered_ranges(right)
    )
