"""The bundles that a command line names: files, patches and branches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentd.conflicts.bundles.bundle import Bundle


@dataclass(frozen=True, slots=True)
class NamedBundles:
    """What was given with --bundle, --patch and --branch, each in the order of the command line."""

    files: tuple[Path, ...]
    patches: tuple[Path, ...]
    branches: tuple[str, ...]

    @classmethod
    def from_options(
        cls,
        files: Iterable[Path] | None,
        patches: Iterable[Path] | None,
        branches: Iterable[str] | None,
    ) -> NamedBundles:
        """From the options' values; None where an option was not given."""
        return cls(tuple(files or ()), tuple(patches or ()), tuple(branches or ()))

    @property
    def is_given(self) -> bool:
        """Whether the command line names a bundle."""
        return bool(self.files or self.patches or self.branches)

    @property
    def readable(self) -> tuple[Path, ...]:
        """The directories whose files the bundles may name: those that bundle files lie in."""
        return tuple(path.resolve().parent for path in self.files)

    def read(self) -> tuple[Bundle, ...]:
        """The bundles themselves; a file that cannot be read becomes a finding on its bundle."""
        from agentd.conflicts.bundles.collect import from_branch, from_bundle_file, from_patch_file

        return (
            *(from_bundle_file(path) for path in self.files),
            *(from_patch_file(path) for path in self.patches),
            *(from_branch(name) for name in self.branches),
        )
