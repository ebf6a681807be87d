"""Ids of git's objects, and its names as text.

Pure; shared by everything that speaks about what is in a repository.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final, NewType

ObjectId = NewType("ObjectId", str)
CommitId = NewType("CommitId", str)
TreeId = NewType("TreeId", str)

OBJECT_ID: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
"""A full id, of SHA-1 or of SHA-256."""


def object_id(kind: str, content: bytes, object_format: str) -> ObjectId:
    """The id that git gives an object; the format is `sha1` or `sha256`."""
    digest = hashlib.new(object_format, f"{kind} {len(content)}\0".encode() + content)
    return ObjectId(digest.hexdigest())


def folded(name: str) -> str:
    """Equal for names that macOS or Windows take for one, whatever their case and composition."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def decoded(data: bytes) -> str:
    """Bytes of a path or message as text; bytes that are no UTF-8 survive a round trip."""
    return data.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The bytes that `decoded` made the text of."""
    return text.encode("utf-8", "surrogateescape")
