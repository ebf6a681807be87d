"""Reads a bundle from whatever an agent sent, tolerantly.

Nothing here raises for bad input. A field of a wrong type becomes a finding on that bundle and is
left out, text and lists are cut at bounds, unknown keys are kept. Pure: it must not know whether
any of the declarations is true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from agentd.conflicts.bundles.bundle import (
    Bundle,
    Change,
    Claim,
    ClaimStatus,
    HeadRevision,
    PatchFile,
    PatchText,
    Source,
    WorktreeState,
)
from agentd.conflicts.findings import Finding, FindingKind, JsonValue, error, warning

TEXT_CHARS_MAX: Final = 4_000
PATHS_MAX: Final = 10_000
LIST_ITEMS_MAX: Final = 200
CONFIDENCE_WORDS: Final[Mapping[str, float]] = {"low": 0.25, "medium": 0.5, "high": 0.75}


_KNOWN_KEYS: Final = frozenset(
    {
        *("owner", "provider", "base_revision", "touched_paths", "intent", "diff_summary"),
        *("assumptions", "confidence", "verification", "conflicts", "patch", "patch_file"),
        *("head_revision", "worktree", "alternative_of", "task_id", "node_id", "enforcement"),
        *("created_at", "patch_bundle"),
    }
)

BUNDLE_KEYS: Final = _KNOWN_KEYS - {"owner", "provider", "task_id", "node_id", "created_at"}
"""Keys of which any makes an object a bundle rather than some other metadata."""

_CHANGE_KEYS: Final = ("patch", "patch_file", "head_revision", "worktree")


def unnested(raw: Mapping[str, object]) -> Mapping[str, object]:
    """An object with the fields of its `patch_bundle`, where it has one, in their place."""
    nested = raw.get("patch_bundle")
    if not isinstance(nested, Mapping):
        return raw
    around = {key: value for key, value in raw.items() if key != "patch_bundle"}
    return {**around, **nested}


def looks_like_bundle(raw: Mapping[str, object]) -> bool:
    """Whether an object says anything that a bundle says."""
    said = unnested(raw)
    return any(said.get(key) not in (None, "", [], {}) for key in BUNDLE_KEYS)


def holds_change(raw: Mapping[str, object]) -> bool:
    """Whether an object says what or where the change itself is."""
    said = unnested(raw)
    return any(said.get(key) not in (None, "") for key in _CHANGE_KEYS)


def parse_bundle(
    raw: Mapping[str, object],
    *,
    source: Source,
    owner: str = "",
    provider: str = "",
    task_id: str | None = None,
    node_id: str | None = None,
) -> Bundle:
    """Reads a bundle from an object that an agent sent; the rest is for what it does not say."""
    raw = unnested(raw)
    reader = _Reader(raw)
    if raw.get("patch_bundle") is not None:
        reader.wrong("patch_bundle", "an object with the fields of a bundle")
    change = reader.change()
    bundle = Bundle(
        owner=reader.text("owner") or owner or "anonymous",
        provider=reader.text("provider") or provider or "unknown",
        sources=(source,),
        base_revision=_revision(reader.text("base_revision")),
        change=change,
        touched_paths=reader.paths("touched_paths"),
        intent=reader.text("intent"),
        diff_summary=reader.text("diff_summary"),
        assumptions=reader.texts("assumptions"),
        confidence=reader.confidence(),
        claims=reader.claims(),
        conflicts=reader.texts("conflicts"),
        alternative_of=reader.text("alternative_of") or None,
        task_id=task_id or reader.text("task_id") or None,
        node_id=node_id or reader.text("node_id") or None,
        enforcement=reader.text("enforcement") or "none",
        created_at=reader.text("created_at") or source.at,
        extra={str(key): _bounded(value) for key, value in raw.items() if key not in _KNOWN_KEYS},
    )
    return replace(bundle, findings=tuple(reader.findings))


def unquoted_revision(text: str) -> str:
    """A revision without its `git:` scheme."""
    return text.removeprefix("git:").strip()


def _revision(text: str) -> str | None:
    return unquoted_revision(text) or None


class _Reader:
    """Takes typed values out of an untyped object and notes what does not fit."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self._raw = raw
        self.findings: list[Finding] = []

    def wrong(self, key: str, expected: str) -> None:
        self.findings.append(
            warning(
                FindingKind.BAD_FIELD,
                f"`{key}` must be {expected}; it was left out, so hand the bundle in again with "
                "the field corrected.",
                field=key,
            )
        )

    def text(self, key: str) -> str:
        value = self._raw.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.wrong(key, "a string")
            return ""
        return value.strip()[:TEXT_CHARS_MAX]

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._raw.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list | tuple):
            self.wrong(key, "a list of strings")
            return ()
        texts = [item.strip()[:TEXT_CHARS_MAX] for item in value if isinstance(item, str)]
        if len(texts) < len(value):
            self.wrong(key, "a list of strings")
        return tuple(texts[: PATHS_MAX if key == "touched_paths" else LIST_ITEMS_MAX])

    def paths(self, key: str) -> tuple[str, ...]:
        paths: dict[str, None] = {}
        for text in self.texts(key):
            path = normal_path(text)
            if path is None:
                self.findings.append(
                    warning(
                        FindingKind.PATH_OUTSIDE_REPOSITORY,
                        f"It declares the path {text!r}, which is not inside the repository; "
                        "declare paths relative to the repository's root.",
                        text,
                    )
                )
            else:
                paths[path] = None
        return tuple(paths)

    def confidence(self) -> float | None:
        value = self._raw.get("confidence")
        if value is None or value == "":
            return None
        confidence = confidence_of(value)
        if confidence is None:
            self.wrong("confidence", "low, medium, high or a number from 0 to 1")
        return confidence

    def claims(self) -> tuple[Claim, ...]:
        value = self._raw.get("verification")
        if value is None:
            return ()
        if isinstance(value, str | Mapping):
            value = [value]
        if not isinstance(value, list | tuple):
            self.wrong("verification", "a list of strings or {command, status} objects")
            return ()
        claims = [_claim(item) for item in value[:LIST_ITEMS_MAX]]
        if None in claims:
            self.wrong("verification", "a list of strings or {command, status} objects")
        return tuple(claim for claim in claims if claim is not None)

    def change(self) -> Change | None:
        found: list[Change] = []
        patch = self._raw.get("patch")
        if isinstance(patch, str):
            if patch:
                found.append(PatchText(patch.encode("utf-8", "surrogateescape")))
            else:
                self.findings.append(
                    error(
                        FindingKind.EMPTY,
                        "Its `patch` is an empty text; hand in the output of `git diff`.",
                    )
                )
        elif patch is not None:
            self.wrong("patch", "the text of a unified diff")
        if path := self.text("patch_file"):
            found.append(PatchFile(path))
        if revision := self.text("head_revision"):
            found.append(HeadRevision(unquoted_revision(revision)))
        if worktree := self.text("worktree"):
            found.append(WorktreeState(worktree))
        if len(found) > 1 and not isinstance(found[0], PatchText):
            # Several views of one change are common (a branch and its worktree): the first is used.
            return found[0]
        return found[0] if found else None


_PASSED_WORDS: Final = ("passed", "pass", "ok", "success", "succeeded", "green", "true")
_FAILED_WORDS: Final = ("failed", "fail", "failure", "error", "red", "timeout", "false")
_STATUS_WORDS: Final[Mapping[str, ClaimStatus]] = {
    **dict.fromkeys(_PASSED_WORDS, ClaimStatus.PASSED),
    **dict.fromkeys(_FAILED_WORDS, ClaimStatus.FAILED),
}
_FAILED_PROSE: Final = re.compile(
    r"(?:^|[:=>→–—-]\s*|\bstatus\s+)fail(?:ed|ure|s)?\b|(?<!\b0)(?<!\bno)(?<!\bnone)\s+failed\s*$",
    re.IGNORECASE,
)
_PASSED_PROSE: Final = re.compile(
    r"(?:^|[:=>→–—-]\s*|\bstatus\s+|\s)(?:passed|passes|succeeded|ok)\s*$", re.IGNORECASE
)


def _claim(item: object) -> Claim | None:
    if isinstance(item, str):
        text = item.strip()[:TEXT_CHARS_MAX]
        if _FAILED_PROSE.search(text):
            return Claim(ClaimStatus.FAILED, text)
        return Claim(ClaimStatus.PASSED if _PASSED_PROSE.search(text) else ClaimStatus.STATED, text)
    if not isinstance(item, Mapping):
        return None
    command = item.get("command")
    command = command.strip()[:TEXT_CHARS_MAX] if isinstance(command, str) else None
    status = _claimed_status(item)
    said = item.get("output") or item.get("message") or item.get("reason") or ""
    text = f"{command or 'a check'}: {status.value}"
    if isinstance(said, str) and said.strip():
        text += f" ({said.strip()[:400]})"
    return Claim(status, text, command)


def _claimed_status(item: Mapping[object, object]) -> ClaimStatus:
    for key in ("status", "result", "outcome", "passed", "ok"):
        value = item.get(key)
        if isinstance(value, bool | str):
            word = str(value).strip().lower()
            if word in _STATUS_WORDS:
                return _STATUS_WORDS[word]
    exit_code = item.get("exit_code")
    if isinstance(exit_code, int) and not isinstance(exit_code, bool):
        return ClaimStatus.FAILED if exit_code else ClaimStatus.PASSED
    return ClaimStatus.STATED


def normal_path(text: str) -> str | None:
    """A declared path relative to the repository's root, or None where it leads outside."""
    if not text or text.startswith(("/", "~")) or "\0" in text:
        return None
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or parts[0].lower() == ".git":
        return None
    return "/".join(parts)


def confidence_of(value: object) -> float | None:
    """A confidence from 0 to 1, of one of the words or a number; None where it is neither."""
    if isinstance(value, str) and value.strip().lower() in CONFIDENCE_WORDS:
        return CONFIDENCE_WORDS[value.strip().lower()]
    number = _number(value)
    return number if number is not None and 0 <= number <= 1 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def _bounded(value: object, depth: int = 4) -> JsonValue:
    """An unknown value as JSON of a bounded size."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value[:TEXT_CHARS_MAX]
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        items = list(value.items())[:LIST_ITEMS_MAX]
        return {str(key): _bounded(item, depth - 1) for key, item in items}
    if isinstance(value, Sequence):
        return [_bounded(item, depth - 1) for item in value[:LIST_ITEMS_MAX]]
    return str(value)[:TEXT_CHARS_MAX]
