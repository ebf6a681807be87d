"""How large the contents of a binary patch are once git has unpacked them.

A kilobyte of `GIT binary patch` may stand for a gigabyte, which git makes in memory. Pure; only
what the patch itself says is read, and git refuses a patch that says it wrong.
"""

from __future__ import annotations

import re
import zlib
from base64 import b85decode
from collections.abc import Sequence
from typing import Final

_START: Final = b"GIT binary patch"
_CONTENT: Final = re.compile(rb"(literal|delta) (\d{1,20})\r?")
_SIZES_BYTES_MAX: Final = 20
"""A delta begins with the sizes of what it starts from and of what it makes, seven bits a byte."""


def unpacked_bytes(lines: Sequence[bytes]) -> int:
    """What all binary contents of a patch take together, unpacked."""
    total = 0
    inside = False
    for number, line in enumerate(lines):
        if line.startswith(b"diff --git "):
            inside = False
        elif line.startswith(_START):
            inside = True
        elif inside and (found := _CONTENT.fullmatch(line)):
            total += int(found[2])
            if found[1] == b"delta":
                total += _made_by(lines[number + 1 : number + 2])
    return total


def _made_by(data: Sequence[bytes]) -> int:
    """The size of what a delta makes, by its first line of data; 0 where that is damaged."""
    try:
        packed = b85decode(data[0].rstrip()[1:])
        sizes = zlib.decompressobj().decompress(packed, _SIZES_BYTES_MAX)
    except (IndexError, ValueError, zlib.error):
        return 0
    made = shift = numbers = 0
    for byte in sizes:
        if numbers == 1:
            made |= (byte & 0x7F) << shift
            shift += 7
        numbers += byte < 0x80
    return made
