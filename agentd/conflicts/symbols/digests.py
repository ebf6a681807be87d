"""A digest of lines of code that comments, blank lines and indentation do not change.

Pure. It tells changed code from unchanged code, never what the change means.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b


def digest_lines(lines: Sequence[str], comment: str) -> str:
    """The digest of some lines; those that begin with the comment sign do not count."""
    digest = blake2b(digest_size=8)
    for line in lines:
        stripped = line.strip()
        if stripped and not stripped.startswith(comment):
            digest.update(stripped.encode("utf-8", "surrogatepass"))
            digest.update(b"\n")
    return digest.hexdigest()
