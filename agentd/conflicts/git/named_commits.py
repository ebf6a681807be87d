"""What the bundles of a review name in the repository, looked up together instead of one by one.

What was not looked up beforehand is looked up when somebody asks. It must not know what the
answers are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentd.conflicts.git.forks import merge_bases_of
from agentd.conflicts.git.isolation import asked_of_each
from agentd.conflicts.git.names import CommitId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.errors import DependencyFailed

_History = tuple[int, tuple[CommitId, ...]]
"""When a commit was made (Unix seconds), and its merge bases with the target."""


class NamedCommits:
    """Revisions, and how their commits stand to the target's history."""

    def __init__(self, repository: Repository, quarantine: Quarantine, target: CommitId) -> None:
        self._repository = repository
        self._quarantine = quarantine
        self._target = target
        self._commits: dict[str, CommitId | None] = {}
        self._histories: dict[CommitId, _History | DependencyFailed] = {}

    def look_up(self, revisions: Iterable[str]) -> None:
        """Finds the commits that revisions name."""
        wanted = [name for name in dict.fromkeys(revisions) if name not in self._commits]
        self._commits |= self._repository.commits_of(wanted)

    def look_back(self, heads: Iterable[CommitId]) -> None:
        """Finds when commits were made, and where their histories left the target's; what cannot
        be read is told to whoever asks for it."""
        wanted = [head for head in dict.fromkeys(heads) if head not in self._histories]
        asked = asked_of_each(wanted, self._look_back)
        self._histories |= dict(zip(wanted, asked, strict=True))

    def _look_back(self, heads: Sequence[CommitId]) -> list[_History]:
        bases = merge_bases_of(self._quarantine, self._target, heads)
        seconds = self._quarantine.seconds_of(heads)
        return [(seconds[head], bases[head]) for head in heads]

    def _history(self, commit: CommitId) -> _History:
        self.look_back([commit])
        found = self._histories[commit]
        if isinstance(found, DependencyFailed):
            raise found
        return found

    def commit_of(self, revision: str) -> CommitId | None:
        """The commit that a revision names, or None."""
        self.look_up([revision])
        return self._commits[revision]

    def seconds(self, commit: CommitId) -> int:
        """A commit's date in Unix seconds. Raises `git_failed`."""
        return self._history(commit)[0]

    def merge_bases(self, commit: CommitId) -> tuple[CommitId, ...]:
        """All merge bases of a commit and the target, in git's order. Raises `git_failed`."""
        return self._history(commit)[1]
