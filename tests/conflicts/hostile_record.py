"""A review record in which every text tries to get out of the page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any, Final

PAYLOADS: Final = (
    "<script>document.title='taken'</script>",
    "</style><script>document.title='taken'</script>",
    "</title><img src=x onerror=\"document.title='taken'\">",
    '"><svg onload="document.title=\'taken\'">',
    "' onmouseover='document.title=1' x='",
    "javascript:document.title='taken'",
    "</code></pre></details></body><iframe src=\"javascript:parent.document.title='taken'\">",
    "<!--<script>document.title='taken'</script>-->",
    ']]><a href="https://example.invalid/">here</a>',
    '<meta http-equiv=refresh content="0;url=https://example.invalid/">',
    "<link rel=stylesheet href=//example.invalid/x.css><style>*{display:none}</style>",
    "<base href=//example.invalid/><form action=//example.invalid/><input autofocus onfocus=x>",
    "\x1b[2J\x1b]0;taken\x07red\x9b31m",
    "abc\u202egnp.exe\u2066\u200b\ufeff\u2028\ud800\x00",
    "`<b>x</b>` `unbalanced",
    "&lt;script&gt;&#60;script&#62;",
)

KEPT: Final = frozenset(
    {"bundle_id", "left", "right", "action", "severity", "winner", "over", "partners", "order"}
    | {"bundles", "tree"}
)
"""What holds a record together; a hostile text there would only leave parts of the page out."""


def hostile(record: dict[str, Any], *, everywhere: bool) -> dict[str, Any]:
    """The record with a payload in every text, or in every text but those that tie it together."""
    made: dict[str, Any] = _poisoned(record, cycle(PAYLOADS), everywhere)
    return made


def _poisoned(value: Any, payloads: Iterator[str], everywhere: bool) -> Any:
    if isinstance(value, str):
        return next(payloads)
    if isinstance(value, list):
        return [_poisoned(each, payloads, everywhere) for each in value]
    if isinstance(value, dict):
        return {
            key: each
            if not everywhere
            and key in KEPT
            and not isinstance(each, dict)
            and not any(isinstance(one, dict) for one in (each if isinstance(each, list) else ()))
            else _poisoned(each, payloads, everywhere)
            for key, each in value.items()
        }
    return value
