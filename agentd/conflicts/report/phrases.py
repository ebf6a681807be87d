"""The record's words as a person says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SIGNS: Final[Mapping[str, str]] = {
    "merge": "✔",
    "rebase": "↻",
    "wait": "…",
    "reject": "✘",
    "escalate": "!",
}
"""The same signs as in the terminal, so that colour is never all that tells."""

MEANINGS: Final[Mapping[str, str]] = {
    "merge": "part of the integration",
    "rebase": "to be done again on the new state",
    "wait": "somebody else comes first",
    "reject": "cannot go in as it is",
    "escalate": "a person has to look",
}

KINDS: Final[Mapping[str, str]] = {
    "content": "same lines",
    "content_conflict": "same lines",
    "adjacent": "touching lines",
    "adjacent_conflict": "touching lines",
    "add_add": "both add it",
    "add_add_conflict": "both add it",
    "modify_delete": "edit against delete",
    "modify_delete_conflict": "edit against delete",
    "rename": "rename",
    "rename_conflict": "rename",
    "tree": "file tree",
    "tree_conflict": "file tree",
    "binary": "binary file",
    "binary_conflict": "binary file",
    "submodule": "submodule",
    "submodule_conflict": "submodule",
    "generated": "generated file",
    "generated_twice": "generated file",
    "alternatives": "alternatives",
    "identical": "same change",
    "composition": "not all together",
    "composition_conflict": "not all together",
    "stale_conflict": "target moved",
    "stale_symbols": "target moved names",
    "assumption": "assumption",
    "assumption_broken": "assumption",
    "symbol": "names break",
    "symbol_conflict": "names break",
}

TOUCHES: Final[Mapping[str, str]] = {
    "overlap": "both change these lines",
    "adjacent": "the lines touch, and none lies between",
    "same": "both say the same",
    "apart": "the lines lie apart",
}

FRESHNESS: Final[Mapping[str, str]] = {
    "in_step": "in step with the target",
    "stale_clean": "behind the target, merges cleanly",
    "stale_conflicting": "behind the target, conflicts with it",
    "already_in_target": "in the target already",
    "unknown": "not placed against the target",
}

VERDICTS: Final[Mapping[str, str]] = {
    "passed": "passed",
    "broken": "broken by the bundles",
    "failing_before": "failing before, too",
    "flaky": "flaky",
    "unknown": "says nothing",
}


def words_for(phrases: Mapping[str, str], word: str) -> str:
    """The phrase for a word of the record; the word itself, readable, where there is none."""
    return phrases.get(word, word.replace("_", " "))
