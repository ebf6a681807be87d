"""The policy of a repository: what its owner lets the referee do, from `.agentd/review.toml`.

Text in, frozen value out. It decides which keys exist, what they default to and which rule a path
falls under; it must not know where the text came from. The caller reads it from the target's
commit, never from a bundle: whoever proposes a change does not set the rules for it.

Every mistake in the text is named by the key's path and the rule that it breaks. An unknown key is
refused: a misspelt `forbiden` that is silently ignored would protect nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from agentd.conflicts.policy.errors import PolicyError, PolicyProblem, problems_of
from agentd.conflicts.policy.fields import Count, Names, PathGlobs, Secs, Section, Text
from agentd.conflicts.policy.path_globs import first_match
from agentd.conflicts.policy.proposals import Proposals
from agentd.conflicts.toml_text import NotToml, load_toml

POLICY_PATH: Final = ".agentd/review.toml"
POLICY_CHARACTERS_MAX: Final = 2**18

CONTROL_PATHS: Final = (
    "/.agentd/**",
    ".gitattributes",
    ".gitmodules",
    ".gitconfig",
    ".lfsconfig",
    "/.githooks/**",
    "/.husky/**",
    "/.pre-commit-config.yaml",
    "/lefthook.y*ml",
    ".envrc",
    "/.github/workflows/**",
    "/.github/actions/**",
    "/.gitlab-ci.yml",
    "/.circleci/**",
    "/.travis.yml",
    "/azure-pipelines.yml",
    "/Jenkinsfile",
    "/.vscode/tasks.json",
    "/.claude/**",
    "/.codex/**",
    "/.gemini/**",
    "/.mcp.json",
)
"""Files that make git, a CI system, an editor or an agent run something, or that steer this
referee. A change to one is held until the owner grants it (`[paths] granted`)."""

MODE_EXECUTABLE: Final = "100755"
MODE_SYMLINK: Final = "120000"
MODE_SUBMODULE: Final = "160000"


def _bare_command(value: object) -> object:
    """`commands = ["make test"]` is short for `[{ run = "make test" }]`."""
    return {"run": value} if isinstance(value, str) else value


class Command(Section):
    """A command of the project's own."""

    run: Text
    """Handed to `/bin/sh -c` as it is, in the root of a fresh checkout."""
    name: Text | None = None
    """What to call it in the record; the command itself where there is none."""
    timeout_secs: Secs | None = None
    """Its own limit; `[verification] timeout_secs` where there is none."""

    @property
    def label(self) -> str:
        """What people see."""
        return self.name or self.run


class Verification(Section):
    """`[verification]`: what proves a combination, and within which bounds it may run."""

    required: bool | None = None
    """Whether an unverified combination may merge. Unset, it is required where there is a command
    to run; see `Policy.verification_required`."""
    commands: tuple[Annotated[Command, BeforeValidator(_bare_command)], ...] = ()
    allow_bundle_commands: Names = ()
    """Commands that a bundle may name and have run: exact, or with `*` for harmless text."""
    env_pass: Names = ()
    """Variables that the commands see besides PATH, HOME, LANG and TMPDIR."""
    network: bool = False
    git_repository: bool = True
    """Whether the checkout is a git repository of one commit; many test suites ask git."""
    timeout_secs: Secs = 600.0
    flaky_reruns: Annotated[int, Field(ge=0, le=10)] = 1
    output_bytes_max: Annotated[int, Field(ge=256, le=16 * 2**20)] = 32 * 1024
    """How much of the end of the output is kept; the digest covers all of it."""
    memory_bytes_max: Annotated[int, Field(ge=2**20, le=2**53)] = 8 * 2**30
    cpu_secs_max: Count = 3600
    file_bytes_max: Annotated[int, Field(ge=2**20, le=2**53)] = 4 * 2**30
    cache_secs: Annotated[int, Field(ge=0, le=2**31)] = 24 * 3600
    """How long a result stands for the same tree, command and environment; 0 keeps none."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.required and not (self.commands or self.allow_bundle_commands):
            raise ValueError(
                "must have `commands` or `allow_bundle_commands` where `required = true`, "
                "otherwise nothing could ever merge"
            )
        return self


class Selection(Section):
    """`[selection]`: who is preferred where all else is equal, most valued first."""

    provider_priority: Names = ()
    owner_priority: Names = ()


class Freshness(Section):
    """`[freshness]`: bundles that start from an older commit than the target's tip."""

    allow_stale_clean: bool = False
    """Whether one that still merges cleanly may, after verification, instead of going back."""


class Generated(Section):
    """One `[[generated]]` table: files that a command makes, so nobody merges them by hand."""

    paths: Annotated[PathGlobs, Field(min_length=1)]
    regenerate: Text | None = None


class Paths(Section):
    """`[paths]`: what a bundle may touch."""

    forbidden: PathGlobs = ()
    held: PathGlobs = ()
    """Held for the owner's grant, besides `CONTROL_PATHS`."""
    granted: PathGlobs = ()
    """Taken out of what is held."""
    allow_symlinks: bool = False
    allow_submodules: bool = False
    allow_executable: bool = True


class Merge(Section):
    """`[merge]`: the only files of which both sides may be kept."""

    union: PathGlobs = ()


class Limits(Section):
    """`[limits]`: a bundle beyond these is turned away before git sees it."""

    bundle_bytes_max: Count = 16 * 2**20
    files_max: Count = 2_000
    hunks_max: Count = 20_000
    file_hunks_max: Count = 5_000
    """Of one file: what git's comparison takes grows with the square of them."""
    text_bytes_max: Count = 4 * 2**20
    """A larger file is compared and merged as a whole, as a binary one is."""
    line_bytes_max: Count = 2**20
    lines_max: Count = 1_000_000
    """That a bundle adds and removes: a patch of a kilobyte can copy files without end."""
    unpacked_bytes_max: Count = 128 * 2**20
    """Of the binary contents of a patch."""
    git_timeout_secs: Secs = 60.0
    reviews_keep_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    """How long a review can be replayed; then what it kept may be cleared away."""


class PathRuleName(StrEnum):
    """The rules that a changed path can fall under."""

    FORBIDDEN = "forbidden_path"
    HELD = "held_path"
    CONTROL = "control_path"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"
    EXECUTABLE = "executable"


@dataclass(frozen=True, slots=True)
class PathRule:
    """A rule that stands against a changed path, and what the owner can do about it."""

    name: PathRuleName
    pattern: str
    """The glob of the policy, or the key that forbids the mode."""
    message: str

    @property
    def forbids(self) -> bool:
        """True: the bundle is to be rejected. False: it is held until the owner grants the path."""
        return self.name is PathRuleName.FORBIDDEN


class Policy(Section):
    """The whole of `.agentd/review.toml`, with the defaults of what it leaves out."""

    verification: Verification = Verification()
    selection: Selection = Selection()
    freshness: Freshness = Freshness()
    generated: tuple[Generated, ...] = ()
    paths: Paths = Paths()
    merge: Merge = Merge()
    proposals: Proposals = Proposals()
    limits: Limits = Limits()

    @classmethod
    def default(cls) -> Policy:
        """The policy of a repository without the file: verification is optional."""
        return cls()

    @property
    def verification_required(self) -> bool:
        """Whether an unverified combination may not merge."""
        if self.verification.required is None:
            return bool(self.verification.commands)
        return self.verification.required

    @property
    def digest(self) -> str:
        """`sha256:…` over the canonical form: equal policies, however written, are equal here."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Every key with its value, defaults included; `policy_from_json` reads it back."""
        return self.model_dump(mode="json")

    def with_stale_clean(self) -> Policy:
        """The same policy, with stale bundles that merge cleanly let in."""
        return self.model_copy(update={"freshness": Freshness(allow_stale_clean=True)})

    def path_rule(self, path: str, mode: str, *, old_mode: str | None = None) -> PathRule | None:
        """The rule against a change of this path, the gravest first, or None.

        Modes are git's (`100644`), `old_mode` the one at the base. For a deletion `mode` is
        `000000`: a control file or forbidden path may not be removed either.
        """
        return self._name_rule(path) or self._mode_rule(path, mode, old_mode)

    def _name_rule(self, path: str) -> PathRule | None:
        # Without regard to case: on many disks `.GitAttributes` is the same file.
        if pattern := first_match(self.paths.forbidden, path, ignore_case=True):
            return PathRule(
                PathRuleName.FORBIDDEN,
                pattern,
                f"The policy forbids changes to `{path}` (`[paths] forbidden` has `{pattern}`); "
                "hand in the change without it.",
            )
        if first_match(self.paths.granted, path):
            return None
        for name, globs in (
            (PathRuleName.HELD, self.paths.held),
            (PathRuleName.CONTROL, CONTROL_PATHS),
        ):
            if pattern := first_match(globs, path, ignore_case=True):
                return PathRule(
                    name,
                    pattern,
                    f"A change to `{path}` is held until the owner of the repository grants it; "
                    "hand in the change without it, or ask for the path in `[paths] granted`.",
                )
        return None

    def _mode_rule(self, path: str, mode: str, old_mode: str | None) -> PathRule | None:
        paths = self.paths
        if MODE_SYMLINK in (mode, old_mode) and not paths.allow_symlinks:
            return _mode_held(PathRuleName.SYMLINK, path, "is a symbolic link", "allow_symlinks")
        if MODE_SUBMODULE in (mode, old_mode) and not paths.allow_submodules:
            return _mode_held(PathRuleName.SUBMODULE, path, "is a submodule", "allow_submodules")
        if mode == MODE_EXECUTABLE != old_mode and not paths.allow_executable:
            return _mode_held(
                PathRuleName.EXECUTABLE, path, "becomes executable", "allow_executable"
            )
        return None

    def generated_rule(self, path: str) -> Generated | None:
        """The `[[generated]]` table that the path falls under."""
        for generated in self.generated:
            if first_match(generated.paths, path):
                return generated
        return None

    def allows_union(self, path: str) -> bool:
        """Whether both sides of a conflict in this file may be kept."""
        return first_match(self.merge.union, path) is not None

    def rank(self, provider: str, owner: str) -> tuple[int, int]:
        """The place in the priorities, owner's first; smaller is preferred."""
        return (
            _place(self.selection.owner_priority, owner),
            _place(self.selection.provider_priority, provider),
        )


def parse_policy(text: str) -> Policy:
    """The policy that a TOML text states. Raises `PolicyError`, which lists every mistake."""
    if len(text) > POLICY_CHARACTERS_MAX:
        problem = f"must have at most {POLICY_CHARACTERS_MAX:,} characters, and has {len(text):,}"
        raise PolicyError((PolicyProblem("", problem),))
    try:
        document = load_toml(text)
    except NotToml as error:
        raise PolicyError((PolicyProblem("", f"must be TOML: {error}"),)) from error
    return policy_from_json(document)


def decode_policy(content: bytes) -> Policy:
    """The policy that a file states. Raises `PolicyError`, as `parse_policy` does."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Read leniently, a path that it forbids would be another one.
        raise PolicyError((PolicyProblem("", f"must be UTF-8: {error}"),)) from error
    return parse_policy(text)


def policy_from_json(document: Mapping[str, Any]) -> Policy:
    """The policy of a document, as from `Policy.to_json`. Raises `PolicyError`."""
    try:
        return Policy.model_validate(_with_tuples(document))
    except ValidationError as error:
        raise PolicyError(problems_of(error, Policy)) from error


def _with_tuples(value: Any) -> Any:
    """Lists become tuples, as the strict models want them."""
    if isinstance(value, Mapping):
        return {key: _with_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_with_tuples(item) for item in value)
    return value


def _mode_held(name: PathRuleName, path: str, what: str, key: str) -> PathRule:
    return PathRule(
        name,
        key,
        f"`{path}` {what}, which is held until the owner of the repository grants it; hand in the "
        f"change without it, or ask for `[paths] {key} = true`.",
    )


def _place(order: tuple[str, ...], name: str) -> int:
    return order.index(name) if name in order else len(order)
