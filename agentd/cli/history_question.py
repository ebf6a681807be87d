"""What somebody asks of the kept reviews, and which of their commits it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentd.cli.records import Record

if TYPE_CHECKING:
    from agentd.conflicts.git.repository import Repository

ID_CHARS_MIN: Final = 7
"""Shorter beginnings of commit and bundle ids would match by chance."""
_COMMIT_ID: Final = re.compile(f"[0-9a-f]{{{ID_CHARS_MIN},64}}")


@dataclass(frozen=True, slots=True)
class Question:
    """A path, commit, bundle or owner, as named and as understood."""

    what: str
    path: str
    """What the repository calls the path that was named."""
    commit: str | None
    """The commit, or the beginning of the id of one that the repository has not (any more)."""
    made_for: str | None = None
    """The bundle for which a landing made the commit."""
    descendants: frozenset[str] = frozenset()
    """The commits of the kept reviews that have it in their history."""

    def is_commit(self, known: str | None) -> bool:
        """Whether this commit of a review is the one in question."""
        return self.commit is not None and known is not None and known.startswith(self.commit)

    def is_within(self, known: str | None) -> bool:
        """Whether this commit of a review is the one in question, or comes after it."""
        return self.is_commit(known) or known in self.descendants

    def is_between(self, base: str | None, head: str | None) -> bool:
        """Whether what leads from one commit of a review to the other has the one in question."""
        return self.is_within(head) and not self.is_within(base)


def understood(repository: Repository, what: str, records: Iterable[Record]) -> Question:
    """The question of who names `what` where he is."""
    path = _path_in(repository, what)
    commit = repository.commit_of(what)
    if commit is None:
        return Question(what, path, what.lower() if _COMMIT_ID.fullmatch(what.lower()) else None)
    made_for = repository.run(
        ["log", "-1", "--format=%(trailers:key=Agentd-Bundle,valueonly)", commit]
    ).text.strip()
    known = {each for record in records for each in _commits(record)}
    listed = "".join(f"{each}\n" for each in (f"^{commit}", *sorted(known)))
    descendants = repository.run(
        ["rev-list", "--ignore-missing", "--ancestry-path", "--stdin"], stdin=listed.encode()
    ).text.split()
    return Question(what, path, commit, made_for or None, frozenset(descendants))


def heads(record: Record, bundle: dict[str, Any]) -> Iterator[str]:
    """The commits that a review took as the ends of the branches of one bundle."""
    sources = (bundle.get("source") or {}).get("all")
    for submission in _submissions(record):
        told = submission.get("bundle") or {}
        at = [f"{one['kind']}:{one['detail']}" for one in told.get("sources") or ()]
        head = submission.get("branch_head")
        if head and at == sources and told.get("owner") == bundle.get("owner"):
            yield head


def _commits(record: Record) -> Iterator[str]:
    yield record["target"]["commit"]
    if integrated := (record.get("integration") or {}).get("commit"):
        yield integrated
    for submission in _submissions(record):
        yield from (one for one in (submission.get("branch_head"), submission.get("base")) if one)


def _submissions(record: Record) -> list[dict[str, Any]]:
    case = (record.get("inputs") or {}).get("case") or {}
    return list(case.get("submissions") or ())


def _path_in(repository: Repository, what: str) -> str:
    from agentd.conflicts.bundles.whereabouts import find_worktree, place_within

    here = find_worktree(Path.cwd())
    place = None
    if here is not None and here.namespace == repository.namespace:
        place = place_within(Path.cwd() / what, here.worktree)
    return place or what
