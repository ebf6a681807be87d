"""Turns a patch into a tree, or into the finding that says why it cannot be one.

A patch must fit its declared base exactly, where it says it does. git decides about that and about
safe names; what is added here is that git's silent tolerance (a hunk that fits elsewhere, lines
that a miscounted header leaves out) is no tolerance of ours, and that the usual damage is named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.findings import Finding, FindingKind, JsonObject, error
from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.git.quarantine import CORRUPT_BINARY, Applied, Quarantine
from agentd.conflicts.patches.apply_patch import is_apply_patch
from agentd.conflicts.patches.apply_patch_admission import apply_patch_tree
from agentd.conflicts.patches.batches import plain_trees
from agentd.conflicts.patches.binary import unpacked_bytes
from agentd.conflicts.patches.text import PatchText, parse_patch
from agentd.conflicts.policy.policy import Limits

_OFFSET: Final = re.compile(r"Hunk #(\d+) succeeded at (\d+) \(offset (-?\d+) lines?\)")
_CHECKING: Final = re.compile(r"Checking patch (.+)\.\.\.$")
_RECOUNTED_BYTES_MAX: Final = 64 * 1024
_GIT_SAYS_CHARS_MAX: Final = 600


@dataclass(frozen=True, slots=True)
class PatchAdmission:
    """Applies patches in a quarantine."""

    quarantine: Quarantine
    limits: Limits

    def trees(self, patches: Sequence[tuple[bytes, CommitId, TreeId]]) -> list[TreeId | Finding]:
        """The tree that each patch makes of its base (commit and tree), or what is wrong with it.

        Those that are plain and fit are applied together; one that does not fit spoils no other.
        """
        made: dict[int, TreeId | Finding] = {}
        texts: dict[int, PatchText] = {}
        for number, (patch, base, base_tree) in enumerate(patches):
            if is_apply_patch(patch):
                made[number] = apply_patch_tree(
                    self.quarantine, self.limits, patch, base, base_tree
                )
                continue
            text = parse_patch(patch)
            damage = self._visible_damage(patch, text)
            if damage is not None:
                made[number] = damage
            else:
                texts[number] = text
        made |= plain_trees(
            self.quarantine, {number: (patches[number][2], patches[number][0]) for number in texts}
        )
        for number in texts.keys() - made.keys():
            _, base, base_tree = patches[number]
            made[number] = self._tree(texts[number], base, base_tree)
        return [made[number] for number in range(len(patches))]

    def _tree(self, text: PatchText, base: CommitId, base_tree: TreeId) -> TreeId | Finding:
        """What git makes of a patch."""
        strip = 0 if text.unprefixed else 1
        anchored = text.anchored()
        applied = self.quarantine.apply(base_tree, anchored, strip=strip)
        if applied.tree is None and strip == 1 and self._all_names_exist(anchored, base_tree):
            applied = self.quarantine.apply(base_tree, anchored, strip=0)
        if applied.tree is None:
            return self._diagnosis(text, applied.output, base, base_tree, strip)
        if not text.counts_match:
            return self._miscounted(text, base_tree, strip)
        if elsewhere := _offsets(applied):
            return error(
                FindingKind.APPLIES_ELSEWHERE,
                f"A hunk for {elsewhere[0]['path']} does not fit line {elsewhere[0]['said']} of "
                f"its base {base[:12]}, only line {elsewhere[0]['fits']}; make the patch again "
                "with `git diff` against that base.",
                str(elsewhere[0]["path"]),
                hunks=elsewhere[:20],
            )
        return applied.tree

    def _visible_damage(self, patch: bytes, text: PatchText) -> Finding | None:
        if not patch.strip():
            return error(FindingKind.EMPTY, "Its patch is empty; hand in the output of `git diff`.")
        if text.carriage_returns:
            return error(
                FindingKind.TRANSPORT_DAMAGED,
                "All its lines end in CR LF: the patch was changed on its way; hand it in as git "
                "printed it, or hand in a branch.",
            )
        if (absolute := text.absolute_name) is not None:
            return error(
                FindingKind.UNSAFE_PATH,
                f"It names the absolute path {absolute!r}; use paths relative to the repository's "
                "root, as `git diff` prints them.",
                absolute,
            )
        for what, count, limit in (
            ("files", len(text.sections), self.limits.files_max),
            ("hunks", sum(1 for _ in text.hunks), self.limits.hunks_max),
            ("bytes in a line", text.longest_line, self.limits.line_bytes_max),
            (
                "bytes of unpacked binary content",
                unpacked_bytes(text.lines),
                self.limits.unpacked_bytes_max,
            ),
        ):
            if count > limit:
                return error(
                    FindingKind.OVER_LIMIT,
                    f"It has {count:,} {what} and the policy allows {limit:,}; split the change, "
                    "or have `[limits]` raised.",
                    count=count,
                    limit=limit,
                )
        return None

    def _all_names_exist(self, patch: bytes, base_tree: TreeId) -> bool:
        names = self.quarantine.patch_names(patch, strip=0)
        if isinstance(names, str) or not names:
            return False
        entries = self.quarantine.entries(base_tree)
        return all(name in entries for name in names)

    def _miscounted(self, text: PatchText, base_tree: TreeId, strip: int) -> Finding:
        recounted = text.recounted()
        applied = self.quarantine.apply(base_tree, recounted, strip=strip)
        if applied.tree is None or _offsets(applied) or len(recounted) > _RECOUNTED_BYTES_MAX:
            return error(
                FindingKind.WRONG_COUNTS,
                "Its hunk headers count their lines wrong, so that lines would be lost; make the "
                "patch with `git diff` instead of writing it by hand.",
            )
        return error(
            FindingKind.WRONG_COUNTS,
            "Its hunk headers count their lines wrong; counted right it applies: check the text "
            "in `evidence.recounted` and hand that in.",
            recounted=recounted.decode("utf-8", "replace"),
        )

    def _diagnosis(
        self, text: PatchText, output: str, base: CommitId, base_tree: TreeId, strip: int
    ) -> Finding:
        says = "\n".join(
            line for line in output.splitlines() if line.startswith(("error", "fatal"))
        )
        says = says[:_GIT_SAYS_CHARS_MAX]
        path = _failing_path(says)
        if "invalid path" in says or "beyond a symbolic link" in says:
            return error(
                FindingKind.UNSAFE_PATH,
                "It writes where no change may go (outside the tree, into `.git`, or through a "
                "symbolic link); hand it in without that file.",
                path,
                git=says,
            )
        if (winding := text.winding_name) is not None:
            return error(
                FindingKind.UNSAFE_PATH,
                f"It names the path {winding!r}; use paths that lead straight from the "
                "repository's root, as `git diff` prints them.",
                winding,
                git=says,
            )
        if "without full index line" in says or any(s.binary_marker for s in text.sections):
            return error(
                FindingKind.BINARY_WITHOUT_DATA,
                "It changes a binary file without its content; make it with "
                "`git diff --binary --full-index`.",
                path,
                git=says,
            )
        if CORRUPT_BINARY in says:
            return error(
                FindingKind.TRANSPORT_DAMAGED,
                "Its binary content cannot be unpacked: it was changed on its way; hand it in as "
                "`git diff --binary --full-index` printed it, or hand in a branch.",
                git=says,
            )
        if not text.sections or "No valid patches" in says:
            return error(
                FindingKind.DOES_NOT_APPLY,
                "No patch was found in its text; hand in the output of `git diff`.",
                git=says,
            )
        if not text.counts_match:
            return self._miscounted(text, base_tree, strip)
        if text.lacks_context or self._fits_without_context(text, path, base_tree):
            return error(
                FindingKind.NO_CONTEXT,
                "A hunk lacks context lines before or behind its change, so that nothing shows "
                "that it stands in the right place; make it with `git diff`, without `-U0`.",
                path,
                git=says,
            )
        return self._mismatch(text, says, path, base, base_tree)

    def _fits_without_context(self, text: PatchText, path: str | None, base_tree: TreeId) -> bool:
        """Whether git refuses only because a hunk ends, or begins, without context."""
        content = self.quarantine.blob_at(base_tree, path) if path else None
        sections = [each for each in text.sections if path and each.names(path)]
        if content is None or not sections:
            return False
        lines = content.split(b"\n")[:-1]  # A last line without its newline does not count.
        return all(hunk.fits(lines) for section in sections for hunk in section.hunks)

    def _mismatch(
        self, text: PatchText, says: str, path: str | None, base: CommitId, base_tree: TreeId
    ) -> Finding:
        content = self.quarantine.blob_at(base_tree, path) if path else None
        if content is not None and b"\r\n" in content and not _any_line_ends(text, b"\r"):
            return error(
                FindingKind.TRANSPORT_DAMAGED,
                f"{path} has CR LF line ends and the patch has none: they were taken off on the "
                "way; hand the patch in as git printed it, or hand in a branch.",
                path,
                git=says,
            )
        if content and not content.endswith(b"\n") and not _any_line_starts(text, b"\\"):
            return error(
                FindingKind.TRANSPORT_DAMAGED,
                f"{path} has no newline at its end and the patch lacks the line "
                "`\\ No newline at end of file`; hand it in as git printed it.",
                path,
                git=says,
            )
        if "already exists" in says:
            return error(
                FindingKind.DOES_NOT_APPLY,
                f"It adds {path}, which its base {base[:12]} has already; make the patch again as "
                "a change of that file.",
                path,
                git=says,
            )
        return error(
            FindingKind.DOES_NOT_APPLY,
            f"It does not apply to its base {base[:12]}; declare the commit that it was made on, "
            "or make it again with `git diff` against that base.",
            path,
            git=says,
        )


def _offsets(applied: Applied) -> list[JsonObject]:
    """The hunks that git put elsewhere than at their line."""
    path = ""
    found: list[JsonObject] = []
    for line in applied.output.splitlines():
        if checking := _CHECKING.match(line):
            path = checking[1]
        elif offset := _OFFSET.match(line):
            fits, by = int(offset[2]), int(offset[3])
            found.append({"path": path, "hunk": int(offset[1]), "said": fits - by, "fits": fits})
    return found


def _failing_path(says: str) -> str | None:
    for pattern in (
        r"error: patch failed: (.+):\d+",
        r"error: (.+): (?:already exists|does not exist|No such file|patch does not apply)",
        r"invalid path '(.+)'",
        r"affected file '(.+)' is beyond",
        r"binary patch to '(.+)' without",
        r"error: (.+): ",
    ):
        if match := re.search(pattern, says):
            return match[1].removesuffix(" in index").removesuffix(": already exists in index")
    return None


def _any_line_ends(text: PatchText, end: bytes) -> bool:
    return any(line.endswith(end) for hunk in text.hunks for line in hunk.body)


def _any_line_starts(text: PatchText, start: bytes) -> bool:
    return any(line.startswith(start) for hunk in text.hunks for line in hunk.body)
