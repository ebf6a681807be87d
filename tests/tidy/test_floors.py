"""The floors of the house: a module imports only from floors below its own."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase

import pytest

from tests.tidy.source_tree import Source, module_names, sources

WORDS, RULES, HOOK, CONTRACT, EDGES, USE_CASES, DISPATCH, DRIVERS, ROOT, SHELLS = range(10)

FLOORS: tuple[tuple[str, int], ...] = (
    # The first match counts.
    ("agentd", WORDS),
    ("agentd.errors", WORDS),
    ("agentd.paths", WORDS),
    ("agentd.plain_text", WORDS),
    ("agentd.settings", WORDS),
    ("agentd.core", WORDS),
    ("agentd.core.states", WORDS),
    ("agentd.core.limits", WORDS),
    ("agentd.core.clock", WORDS),
    ("agentd.core.ids", WORDS),
    ("agentd.core.resource_keys", RULES),
    ("agentd.core.dag", RULES),
    ("agentd.core.leases", RULES),
    ("agentd.core.locks", RULES),
    ("agentd.core.journal", RULES),
    ("agentd.core.lock_queue", RULES),
    ("agentd.core.gathering", RULES),
    ("agentd.core.quick_commits", RULES),
    ("agentd.hook.dialects", RULES),
    ("agentd.hook.payload", RULES),
    ("agentd.hook.tool_calls", RULES),
    ("agentd.hook.refusal", RULES),
    ("agentd.hook.answers", RULES),
    ("agentd.hook*", HOOK),
    ("agentd.guard.verdict", RULES),
    ("agentd.guard.hook_file", RULES),
    ("agentd.guard*", HOOK),
    ("agentd.protocol*", CONTRACT),
    ("agentd.core.storage*", EDGES),
    ("agentd.core.operations*", USE_CASES),
    ("agentd.core.writer", USE_CASES),
    ("agentd.core.metrics", USE_CASES),
    ("agentd.core.incidents", USE_CASES),
    ("agentd.core.logs", USE_CASES),
    ("agentd.core.dispatch", DISPATCH),
    ("agentd.core.daemon", ROOT),
    ("agentd.core.*", DRIVERS),
    ("agentd.conflicts.bundles.bundle", RULES),
    ("agentd.conflicts.assumptions", RULES),
    ("agentd.conflicts.python_definitions", RULES),
    ("agentd.conflicts.bundles.parsing", RULES),
    ("agentd.conflicts.findings", RULES),
    ("agentd.conflicts.bundles.submission", RULES),
    ("agentd.conflicts.git.names", RULES),
    ("agentd.conflicts.hunk_overlap", RULES),
    ("agentd.conflicts.trees.changes", RULES),
    ("agentd.conflicts.patches.text", RULES),
    ("agentd.conflicts.patches.apply_patch", RULES),
    ("agentd.conflicts.patches.apply_patch_chunks", RULES),
    ("agentd.conflicts.patches.plain_patch", RULES),
    ("agentd.conflicts.trees.edits", RULES),
    ("agentd.conflicts.patches.changed_text", RULES),
    ("agentd.conflicts.trees.unsafe_names", RULES),
    ("agentd.conflicts.merges.foresight", RULES),
    ("agentd.conflicts.pairs", RULES),
    ("agentd.conflicts.selection", RULES),
    ("agentd.conflicts.interaction", RULES),
    ("agentd.conflicts.symbols.findings", RULES),
    ("agentd.conflicts.ledger.accounting", DRIVERS),
    ("agentd.conflicts.ledger.weaving", DRIVERS),
    ("agentd.conflicts.ledger*", RULES),
    ("agentd.conflicts.policy*", RULES),
    ("agentd.conflicts.toml_text", RULES),
    ("agentd.conflicts.checks.culprits", RULES),
    ("agentd.conflicts.checks.command_runs", RULES),
    ("agentd.conflicts.merges.conflict_kinds", RULES),
    ("agentd.conflicts.merges.result", RULES),
    ("agentd.conflicts.merges.synthetic_commits", RULES),
    ("agentd.conflicts.decisions", RULES),
    ("agentd.conflicts.holding", RULES),
    ("agentd.conflicts.radar.radar", RULES),
    ("agentd.conflicts.radar.as_json", RULES),
    ("agentd.conflicts.radar.answer", RULES),
    ("agentd.conflicts.radar.scope", RULES),
    ("agentd.conflicts.report*", RULES),
    ("agentd.conflicts.git.process", EDGES),
    ("agentd.conflicts.git.isolation", EDGES),
    ("agentd.conflicts.checks.process_run", EDGES),
    ("agentd.conflicts.git.repository", EDGES),
    ("agentd.conflicts.git.quarantine*", EDGES),
    ("agentd.conflicts.git.place", EDGES),
    ("agentd.conflicts.git.isolation", EDGES),
    ("agentd.conflicts.trees.changed_trees", EDGES),
    ("agentd.conflicts.git.object_writing", EDGES),
    ("agentd.conflicts.trees.differences", EDGES),
    ("agentd.conflicts.trees.entries", EDGES),
    ("agentd.conflicts.trees.making", EDGES),
    ("agentd.conflicts.merges.trial_merges", EDGES),
    ("agentd.conflicts.memory_file", EDGES),
    ("agentd.conflicts.merges.store", EDGES),
    ("agentd.conflicts.checks.scratch", EDGES),
    ("agentd.conflicts.checks.sandbox", EDGES),
    ("agentd.conflicts.checks.walls", EDGES),
    ("agentd.conflicts.checks.run_cache", EDGES),
    ("agentd.client*", USE_CASES),
    ("agentd.conflicts*", DRIVERS),
    ("agentd.providers*", USE_CASES),
    ("agentd.mcp.identity", RULES),
    ("agentd.mcp*", SHELLS),
    ("agentd.cli*", SHELLS),
)
"""The floor of every module. `docs/architecture.md` says what each floor is for."""

SAME_FLOOR_ALLOWED = {WORDS, RULES, HOOK, CONTRACT, EDGES, USE_CASES, DISPATCH, DRIVERS, SHELLS}

PURE_BANS = frozenset(
    [
        "asyncio",
        "sqlite3",
        "aiosqlite",
        "git",
        "subprocess",
        "socket",
        "random",
        "secrets",
        "time",
        "os",
        "threading",
        "shutil",
        "tempfile",
        "uuid",
    ]
)
"""What a pure rule may not import: I/O, clocks, randomness, the environment."""

PURE_EXCEPTIONS = {
    ("agentd.conflicts.policy.policy", "os"),
    ("agentd.conflicts.trees.changes", "stat"),
    ("agentd.hook.refusal", "time"),  # Writes a given time in the user's zone.
}


def floor_of(module: str) -> int:
    """The floor of a module of ours."""
    for pattern, floor in FLOORS:
        if fnmatchcase(module, pattern):
            return floor
    raise AssertionError(f"{module} has no floor: add it to FLOORS and to docs/architecture.md")


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_imports_go_down(source: Source) -> None:
    own = floor_of(source.name)
    for imported in source.imports():
        if imported.split(".")[0] != "agentd":
            continue
        assert imported in module_names() or imported == "agentd", imported
        below = floor_of(imported)
        assert below <= own, f"{source.name} (floor {own}) imports {imported} (floor {below})"


@pytest.mark.parametrize(
    "source",
    [source for source in sources() if floor_of(source.name) == RULES],
    ids=lambda source: source.name,
)
def test_pure_rules_reach_no_outside(source: Source) -> None:
    for imported in source.imports():
        top = imported.split(".")[0]
        assert top not in PURE_BANS or (source.name, top) in PURE_EXCEPTIONS, (
            f"{source.name} is a pure rule and imports {imported}"
        )


def importers(*packages: str) -> set[str]:
    """The modules that import any of some packages from outside."""
    return {
        source.name
        for source in sources()
        if any(imported.split(".")[0] in packages for imported in source.imports())
    }


def test_sql_stays_in_storage() -> None:
    allowed = (
        "agentd.core.storage",
        "agentd.core.operations",
        "agentd.core.writer",
        "agentd.core.daemon",
        "agentd.conflicts.memory_file",
        "agentd.conflicts.merges.store",
        "agentd.conflicts.symbols.summary_cache",
    )
    for module in importers("sqlite3", "aiosqlite"):
        assert module.startswith(allowed), module


def test_sql_is_executed_in_storage_and_by_the_writer() -> None:
    for source in sources():
        if source.name.startswith("agentd.core.") and not source.name.startswith(
            ("agentd.core.storage", "agentd.core.writer", "agentd.core.daemon")
        ):
            for line, name in source.calls():
                assert not name.endswith((".execute", ".executemany")), f"{source.name}:{line}"


def test_git_stays_behind_its_process() -> None:
    assert importers("git") == {"agentd.conflicts.git.process"}


def test_the_hook_needs_nothing_but_the_standard_library() -> None:
    """It starts anew for every tool call, and runs where no package of ours may be installed."""
    for source in sources():
        ours = {name for name in source.imports() if name.split(".")[0] == "agentd"}
        if source.name.startswith("agentd.hook"):
            foreign = {name.split(".")[0] for name in source.imports() if name not in ours}
            assert foreign <= sys.stdlib_module_names, source.name
            assert "dataclasses" not in foreign, f"{source.name}: it takes too long to import"
            beside = {name for name in ours if not name.startswith("agentd.hook")}
            assert beside <= {"agentd.plain_text", "agentd.core.resource_keys"}, source.name
        elif source.name == "agentd.providers.lock_gate":  # It refuses in the same words.
            asked = {name for name in ours if name.startswith("agentd.hook")}
            assert asked <= {"agentd.hook", "agentd.hook.options", "agentd.hook.refusal"}
        elif source.name.startswith("agentd.mcp"):  # Its locks and the hook's are one session's.
            asked = {name for name in ours if name.startswith("agentd.hook")}
            assert asked <= {"agentd.hook", "agentd.hook.kin", "agentd.hook.session_file"}
        elif not source.name.startswith(("agentd.guard", "agentd.cli.guard")):
            assert not any(name.startswith("agentd.hook") for name in ours), source.name


def test_the_guard_needs_nothing_that_the_hook_does_not() -> None:
    for source in sources():
        if source.name.startswith("agentd.guard"):
            for name in source.imports():
                ours = name.startswith(("agentd.guard", "agentd.hook", "agentd.plain_text"))
                rule = name.startswith("agentd.core.resource_keys")
                outside = name.split(".")[0] in sys.stdlib_module_names
                assert ours or rule or outside, f"{source.name} imports {name}"


def test_the_extra_mcp_stays_in_its_package() -> None:
    """Everything else works without it."""
    for source in sources():
        needs = {name for name in source.imports() if name.split(".")[0] in ("mcp", "mcp_types")}
        ours = {name for name in source.imports() if name.startswith("agentd.mcp")}
        if not source.name.startswith("agentd.mcp"):
            assert not needs, source.name
            assert not ours or source.name == "agentd.cli.mcp_commands", source.name


def test_http_stays_with_the_providers_that_speak_it() -> None:
    assert importers("httpx") == {"agentd.providers.deepseek"}


def test_the_referee_knows_what_a_model_is_and_no_provider() -> None:
    for source in sources():
        if source.name.startswith("agentd.conflicts"):
            known = {each for each in source.imports() if each.startswith("agentd.providers")}
            assert known <= {"agentd.providers.completion"}, source.name


def test_the_referee_reaches_no_storage_and_no_server() -> None:
    for source in sources():
        if source.name.startswith(("agentd.conflicts", "agentd.client")):
            for imported in source.imports():
                assert not imported.startswith(
                    ("agentd.core.storage", "agentd.core.operations", "agentd.core.daemon")
                ), f"{source.name} imports {imported}"


def test_only_the_daemons_command_reaches_the_daemon() -> None:
    reaching = {
        source.name
        for source in sources()
        if any(
            imported.startswith(("agentd.core.daemon", "agentd.core.storage"))
            for imported in source.imports()
        )
        and source.name.startswith("agentd.cli")
    }
    assert reaching <= {"agentd.cli.daemon"}
