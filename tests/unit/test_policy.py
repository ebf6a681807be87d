"""The policy file: what it may say, what it defaults to, and how its mistakes are told."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.conflicts.policy.errors import PolicyError
from agentd.conflicts.policy.path_globs import (
    GlobError,
    command_matches,
    compile_path_glob,
    first_match,
    path_matches,
)
from agentd.conflicts.policy.policy import (
    PathRuleName,
    Policy,
    decode_policy,
    parse_policy,
    policy_from_json,
)


def test_an_empty_text_is_the_default_policy() -> None:
    assert parse_policy("") == Policy.default()
    assert parse_policy("").digest == Policy.default().digest
    assert not Policy.default().verification_required


def test_commands_may_be_short_or_long() -> None:
    policy = parse_policy(
        """
        [verification]
        commands = ["make lint", { run = "make test", name = "tests", timeout_secs = 90 }]
        """
    )
    lint, tests = policy.verification.commands
    assert (lint.run, lint.label, lint.timeout_secs) == ("make lint", "make lint", None)
    assert (tests.run, tests.label, tests.timeout_secs) == ("make test", "tests", 90.0)


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("", False),
        ("[paths]\nforbidden = ['x']", False),
        ("[verification]\ncommands = ['make test']", True),
        ("[verification]\ncommands = ['make test']\nrequired = false", False),
        ("[verification]\nallow_bundle_commands = ['pytest *']", False),
        ("[verification]\nallow_bundle_commands = ['pytest *']\nrequired = true", True),
    ],
)
def test_verification_is_required_where_there_is_a_command(text: str, required: bool) -> None:
    assert parse_policy(text).verification_required is required


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("verification = 3", "verification: must be a table"),
        ("[verification]\nrequired = 1", "verification.required: must be true or false"),
        (
            "[verification]\nrequired = true",
            "verification: must have `commands` or `allow_bundle_commands` where",
        ),
        ("[verification]\ncommands = 'make'", "verification.commands: must be a list"),
        ("[verification]\ncommands = [3]", "verification.commands[0]: must be a table"),
        ("[verification]\ncommands = ['']", "verification.commands[0].run: must not be blank"),
        (
            "[verification]\ncommands = ['a\\u0000']".replace("'", '"'),
            "verification.commands[0].run: must not contain a null character",
        ),
        ("[[verification.commands]]", "verification.commands[0].run: must be given"),
        (
            "[[verification.commands]]\nrun = 'a'\n[[verification.commands]]\nrun='b'\ntimeout=3",
            "verification.commands[1].timeout: no such key; did you mean `timeout_secs`?",
        ),
        (
            "[[verification.commands]]\nrun = 'a'\ntimeout_secs = 0",
            "verification.commands[0].timeout_secs: must be greater than 0",
        ),
        ("[verification]\ntimeout_secs = inf", "verification.timeout_secs: must be a finite"),
        ("[verification]\ntimeout_secs = 1e9", "timeout_secs: must be at most 604800"),
        ("[verification]\ntimeout_secs = 'x'", "verification.timeout_secs: must be a number"),
        ("[verification]\nflaky_reruns = -1", "verification.flaky_reruns: must be at least 0"),
        ("[verification]\nflaky_reruns = 1.5", "flaky_reruns: must be a whole number"),
        ("[verification]\nenv_pass = [1]", "verification.env_pass[0]: must be a string"),
        ("[verification]\nenv_pass = ['A', 'A']", "must name each once; 'A' is there twice"),
        ("[paths]\nforbiden = ['x']", "paths.forbiden: no such key; did you mean `forbidden`?"),
        ("[path]\nforbidden = ['x']", "path: no such key; did you mean `paths`?"),
        ("[merge]\nzzz = 1", "merge.zzz: no such key; there are union"),
        ("[paths]\nforbidden = ['a**']", "paths.forbidden[0]: must have `**` only as a whole part"),
        ("[paths]\nforbidden = ['ok', '../x']", "paths.forbidden[1]: must not have empty, `.` or"),
        ("[paths]\nforbidden = ['!x']", "paths.forbidden[0]: must not begin with `!`"),
        ("[[generated]]\nregenerate = 'x'", "generated[0].paths: must be given"),
        ("[[generated]]\npaths = []", "generated[0].paths: must have at least 1 item"),
        ("[limits]\nfiles_max = 0", "limits.files_max: must be at least 1"),
        ("[limits]\nfiles_max = true", "limits.files_max: must be a whole number"),
        ("[limits", "must be TOML:"),
        ("[proposals]\nmakers = ['a', 'a']", "makers: must name each once; 'a' is there twice"),
        ("[proposals]\nmaker = ['a']", "proposals.maker: no such key; did you mean `makers`?"),
        ("[[proposals.drivers]]\nname = 'x'", "proposals.drivers[0].command: must be given"),
        (
            "[[proposals.drivers]]\nname = 'x'\ncommand = []",
            "proposals.drivers[0].command: must have at least 1 item",
        ),
        (
            "[[proposals.drivers]]\nname = 'x'\ncommand = ['m', '%A', '%B']",
            "drivers[0].command: must contain %O, the file as both sides found it",
        ),
        (
            "[[proposals.drivers]]\nname = 'x'\ncommand = ['m', '%A', '%B', '%O', '%X']",
            "drivers[0].command: must not contain '%X'; there are %O, %A, %B, %L, %P, %%",
        ),
        (
            "[[proposals.drivers]]\nname = 'x'\ncommand = ['m', '%A', '%B', '%O', '100%']",
            "drivers[0].command: must not contain '%'; there are",
        ),
        (
            "[[proposals.drivers]]\nname = 'x'\ncommand = ['tools/m', '%A', '%B', '%O']",
            "command: must begin with a program's name or its absolute path",
        ),
        (
            "[[proposals.drivers]]\nname = 'x'\ncommand = ['m', '%A', '%B', '%O']\n"
            "[[proposals.drivers]]\nname = 'x'\ncommand = ['n', '%A', '%B', '%O']",
            "proposals: must have one table for each of its `drivers`, not two 'x'",
        ),
        (
            "[[proposals.drivers]]\nname = 'entity'\ncommand = ['m', '%A', '%B', '%O']",
            "proposals: must call none of its `drivers` 'entity', which is built in",
        ),
    ],
)
def test_a_mistake_is_told_by_key_and_rule(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    assert said in caught.value.message
    assert "docs/conflict-policy.md" in caught.value.hint
    assert "pydantic" not in caught.value.message


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy("[merge]\nunions = []\n[limits]\nfiles_max = 0\n")
    assert [problem.key for problem in caught.value.problems] == [
        "merge.unions",
        "limits.files_max",
    ]
    assert caught.value.reason == "unknown_field"
    assert caught.value.data == {
        "path": "merge.unions",
        "rule": "no such key",
        "did_you_mean": "union",
    }


def test_equal_policies_have_equal_digests_however_they_are_written() -> None:
    short = parse_policy("[verification]\ncommands = ['make']\n[limits]\nfiles_max = 5")
    long = parse_policy(
        "limits = { files_max = 5 }\n[[verification.commands]]\nrun = 'make'\n# the same\n"
    )
    assert short.digest == long.digest
    assert short.digest.startswith("sha256:")
    assert short.digest != Policy.default().digest
    assert short.with_stale_clean().digest != short.digest
    assert short.with_stale_clean().freshness.allow_stale_clean


def test_a_policy_survives_json() -> None:
    policy = parse_policy(
        "[verification]\ncommands = ['a', { run = 'b', timeout_secs = 1.5 }]\n"
        "[[generated]]\npaths = ['*.lock']\nregenerate = 'make lock'\n"
    )
    assert policy_from_json(policy.to_json()) == policy


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("*.lock", ["a.lock", "x/y/b.lock", "x.lock/inner"], ["lock", "a.lockx"]),
        ("/Makefile", ["Makefile"], ["sub/Makefile", "Makefile.in"]),
        ("docs/*.md", ["docs/a.md"], ["docs/b/a.md", "x/docs/a.md", "docs/a.mdx"]),
        ("docs/**/a.md", ["docs/a.md", "docs/b/a.md", "docs/b/c/a.md"], ["docs/xa.md", "a.md"]),
        ("**/gen/*.py", ["gen/a.py", "x/gen/a.py", "x/y/gen/a.py"], ["gen/x/a.txt", "xgen/a.py"]),
        ("src/**", ["src/a", "src/b/c"], ["src", "xsrc/a"]),
        ("**/**/a", ["a", "x/a", "x/y/a"], ["xa"]),
        ("vendor", ["vendor", "vendor/x", "a/vendor/b/c"], ["vendors", "avendor/x"]),
        ("vendor/", ["vendor/x", "a/vendor/b/c"], ["vendor", "vendors/x"]),
        ("src/*/gen", ["src/a/gen", "src/a/gen/x/y"], ["src/gen", "src/a/b/gen"]),
        ("a?c", ["abc", "x/a-c"], ["ac", "a/c"]),
        ("[ab]*.txt", ["a1.txt", "b.txt"], ["c.txt"]),
        ("[!ab].txt", ["c.txt"], ["a.txt", "/.txt"]),
        ("[]x].txt", ["].txt", "x.txt"], ["y.txt"]),
        ("a[&&]b", ["a&b"], ["ab"]),
        (r"\*.txt", ["*.txt"], ["a.txt"]),
        ("a b/ü*", ["a b/über", "a b/ü"], ["a b/u"]),
        ("a.b+(c)|d", ["a.b+(c)|d"], ["axb", "d"]),
        ("x*", ["x\ny"], ["y\nx"]),
    ],
)
def test_path_globs(glob: str, inside: list[str], outside: list[str]) -> None:
    assert [path for path in inside if not path_matches(glob, path)] == []
    assert [path for path in outside if path_matches(glob, path)] == []


@pytest.mark.parametrize(
    "glob", ["", "/", "!a", "a//b", "a/../b", "./a", "a**/b", "[a", "[z-a]", "a\\", "a\nb"]
)
def test_what_is_no_glob_is_refused(glob: str) -> None:
    with pytest.raises(GlobError):
        compile_path_glob(glob)


NAMES = st.text(st.characters(exclude_characters="/\0\n\\[]*?!"), min_size=1).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAMES, min_size=1, max_size=4)


@given(PATHS)
def test_a_plain_path_matches_itself_and_what_lies_below(parts: list[str]) -> None:
    path = "/".join(parts)
    assert path_matches("/" + path, path)
    assert path_matches("/" + path, path + "/below")
    assert path_matches(parts[-1], path)
    assert path_matches("/**/" + parts[-1], path)
    assert first_match(("/" + path + "x", "**"), path) == "**"
    assert not path_matches("/" + path, "other/" + path + "y")


@pytest.mark.parametrize(
    ("glob", "command", "allowed"),
    [
        ("make test", "make test", True),
        ("make test", "make test2", False),
        ("make test; rm x", "make test; rm x", True),
        ("pytest *", "pytest tests/test_a.py -q --maxfail=1", True),
        ("pytest *", "pytest x; rm -rf /", False),
        ("pytest *", "pytest x && curl evil", False),
        ("pytest *", "pytest $(curl evil)", False),
        ("pytest *", "pytest `id`", False),
        ("pytest *", "pytest x\nrm y", False),
        ("pytest *", "pytest x > /etc/passwd", False),
        ("pytest *", "pytest x | sh", False),
        ("pytest *", "pytest 'a b'", False),
        ("pytest *", "pytest ~/x", False),
        ("pytest *", "pytest *", True),
        ("pytest *", "pytest {a,b}", False),
        ("pytest *", "pytest \\x", False),
        ("pytest *", "pytest x &", False),
        ("pytest *", "pytest #", False),
        ("pytest *", "python -m pytest x", False),
        ("* --check", "black --check", True),
        ("a[1]", "a1", False),
        ("a[1]", "a[1]", True),
        ("**", "rm -rf x", True),
    ],
)
def test_command_globs(glob: str, command: str, allowed: bool) -> None:
    assert command_matches(glob, command) is allowed


@given(st.text(max_size=30))
def test_a_wildcard_never_lets_shell_syntax_in(rest: str) -> None:
    if command_matches("pytest *", "pytest " + rest) and rest != "*":
        assert not set(rest) & set(";&|<>()$`\\\"'*?[]{}#~!\n\t\r\0")


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*a" * 30 + "*b", "a" * 4_000),
        ("/".join(["**/*a*"] * 20) + "/b", "a/" * 2_000 + "c"),
        ("**/" * 200 + "a*a*a*b", "a" * 200 + "/" + "x/" * 1_500 + "aaaa"),
        ("/".join(["**"] * 100) + "/a/", "a/" * 2_000 + "a"),
    ],
)
def test_no_path_makes_a_glob_go_back_and_forth(glob: str, path: str) -> None:
    """Each of these would take longer than the universe lasts, one try after another."""
    assert path_matches(glob, path) is glob.endswith("/")


def test_no_command_makes_a_glob_go_back_and_forth() -> None:
    assert not command_matches("a*" * 40 + "b", "a" * 10_000)
    assert command_matches("a*" * 40 + "b", "a" * 10_000 + "b")


PARTS = st.sampled_from(["**", "a", "b", "*", "a*", "*b", "a*b*", "*a*", "?", "[ab]", "*a*b*a"])


@given(
    st.lists(PARTS, min_size=1, max_size=5),
    st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5),
    st.booleans(),
)
def test_globs_match_what_trying_everything_matches(
    glob: list[str], path: list[str], inside: bool
) -> None:
    found = path_matches("/" + "/".join(glob) + ("/" if inside else ""), "/".join(path))
    assert found is _tried(glob, path, inside and glob[-1] != "**")


def _tried(glob: list[str], path: list[str], inside: bool) -> bool:
    """Whether parts of a path match parts of a glob, by trying everything."""
    if not glob:
        return bool(path) or not inside
    if glob == ["**"]:
        return bool(path)
    if glob[0] == "**":
        rest = range(len(path) + 1)
        return any(_tried(glob[1:], path[skipped:], inside) for skipped in rest)
    return bool(path) and fnmatchcase(path[0], glob[0]) and _tried(glob[1:], path[1:], inside)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("generated = " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ("generated = " + "{a=" * 5_000 + "1" + "}" * 5_000, "nested too deeply"),
        (".".join(["a"] * 20_000) + " = 1", "a key has more than 64 parts (at line 1)"),
        ("[limits]\n[" + " . ".join(['"a"'] * 20_000) + "]", "parts (at line 2)"),
        ("[limits]\nfiles_max = " + "9" * 10_000, "4300 digits"),
        ("#" * 262_145, "at most 262,144 characters"),
        ("[paths]\nheld = ['" + "a" * 1_001 + "']", "at most 1,000 characters"),
        ("\n".join(f"k{number} = 1" for number in range(5_000)), "; and 4,980 more"),
    ],
)
def test_absurd_policies_are_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text)
    assert said.lower() in str(refused.value).lower()
    assert len(str(refused.value)) < 5_000


def test_a_policy_that_is_no_utf_8_is_refused() -> None:
    """Read leniently, it would forbid another path than its owner wrote."""
    with pytest.raises(PolicyError, match="must be UTF-8"):
        decode_policy(b"[paths]\nforbidden = ['\xfcber/**']")
    assert decode_policy(b"\xef\xbb\xbf[limits]\nfiles_max = 3\n").limits.files_max == 3


RULES = """
[paths]
forbidden = ["secrets/**", "*.pem"]
held = ["migrations/**"]
granted = [".gitattributes", "/.github/workflows/lint.yml"]
"""


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("src/a.py", None),
        (".gitignore", None),
        (".github/ISSUE_TEMPLATE.md", None),
        ("secrets/a", PathRuleName.FORBIDDEN),
        ("Secrets/A", PathRuleName.FORBIDDEN),
        ("deep/down/key.PEM", PathRuleName.FORBIDDEN),
        ("migrations/0001.sql", PathRuleName.HELD),
        (".agentd/review.toml", PathRuleName.CONTROL),
        (".AGENTD/Review.toml", PathRuleName.CONTROL),
        (".gitmodules", PathRuleName.CONTROL),
        ("sub/.gitmodules", PathRuleName.CONTROL),
        (".githooks/pre-commit", PathRuleName.CONTROL),
        (".gitattributes", None),
        (".GitAttributes", PathRuleName.CONTROL),
        (".github/workflows/deploy.yml", PathRuleName.CONTROL),
        (".github/workflows/lint.yml", None),
        (".claude/settings.json", PathRuleName.CONTROL),
    ],
)
def test_a_path_falls_under_the_gravest_rule(path: str, rule: PathRuleName | None) -> None:
    found = parse_policy(RULES).path_rule(path, "100644")
    assert (found.name if found else None) == rule
    if found:
        assert path in found.message
        assert found.forbids is (rule is PathRuleName.FORBIDDEN)


def test_control_paths_are_held_by_default_and_for_deletions() -> None:
    found = Policy.default().path_rule(".agentd/review.toml", "000000", old_mode="100644")
    assert found is not None
    assert found.name is PathRuleName.CONTROL


@pytest.mark.parametrize(
    ("mode", "old_mode", "keys", "rule"),
    [
        ("100644", None, "", None),
        ("100755", None, "", None),
        ("100755", None, "allow_executable = false", PathRuleName.EXECUTABLE),
        ("100755", "100644", "allow_executable = false", PathRuleName.EXECUTABLE),
        ("100755", "100755", "allow_executable = false", None),
        ("100644", "100755", "allow_executable = false", None),
        ("120000", None, "", PathRuleName.SYMLINK),
        ("100644", "120000", "", PathRuleName.SYMLINK),
        ("120000", None, "allow_symlinks = true", None),
        ("160000", None, "allow_symlinks = true", PathRuleName.SUBMODULE),
        ("000000", "160000", "", PathRuleName.SUBMODULE),
        ("160000", "160000", "allow_submodules = true", None),
    ],
)
def test_modes(mode: str, old_mode: str | None, keys: str, rule: PathRuleName | None) -> None:
    found = parse_policy(f"[paths]\n{keys}").path_rule("a", mode, old_mode=old_mode)
    assert (found.name if found else None) == rule
    if found:
        assert found.pattern in found.message
        assert not found.forbids


def test_generated_union_and_rank() -> None:
    policy = parse_policy(
        """
        [[generated]]
        paths = ["*.lock", "dist/**"]
        regenerate = "make lock"
        [[generated]]
        paths = ["docs/api/**"]
        [merge]
        union = ["CHANGELOG.md"]
        [selection]
        provider_priority = ["codex", "claude"]
        owner_priority = ["alice"]
        """
    )
    lock, api = policy.generated_rule("x/poetry.lock"), policy.generated_rule("docs/api/x.md")
    assert lock is not None
    assert lock.regenerate == "make lock"
    assert api is not None
    assert api.regenerate is None
    assert policy.generated_rule("src/dist.py") is None
    assert policy.allows_union("CHANGELOG.md")
    assert not policy.allows_union("changelog.md")
    assert not Policy.default().allows_union("CHANGELOG.md")
    ranked = sorted(
        [("codex", "bob"), ("other", "bob"), ("claude", "bob"), ("other", "alice")],
        key=lambda pair: policy.rank(*pair),
    )
    assert ranked == [("other", "alice"), ("codex", "bob"), ("claude", "bob"), ("other", "bob")]
