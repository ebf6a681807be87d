"""Installing and taking out again leaves every byte as it was, whatever else is in the file."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.providers.hook_settings.entries import NAME, VENDORS
from agentd.providers.hook_settings.hook_command import HookCommand
from agentd.providers.hook_settings.json_hooks import (
    OddSettings,
    our_groups,
    with_groups,
    with_named,
    without_groups,
    without_named,
)
from agentd.providers.hook_settings.json_text import parse
from agentd.providers.hook_settings.toml_tables import (
    NotToml,
    OddToml,
    table_at,
    with_table,
    without_table,
)
from tests.providers.hook_settings.commands import command
from tests.providers.hook_settings.documents import settings_documents, toml_documents

GROUPS = {name: vendor.groups(command()) for name, vendor in VENDORS.items()}
PROVIDERS = st.sampled_from([name for name, vendor in VENDORS.items() if not vendor.named])


def without_ours(value: Any, groups: dict[str, list[Any]]) -> Any:
    """Settings as they would be if our groups were taken out of the value."""
    hooks = {
        event: [group for group in listed if group not in groups.get(event, [])]
        for event, listed in value.get("hooks", {}).items()
    }
    kept = {event: listed for event, listed in hooks.items() if listed}
    return {**{key: each for key, each in value.items() if key != "hooks"}, "hooks": kept}


@given(settings_documents(), PROVIDERS)
def test_json(text: str, provider: str) -> None:
    groups = GROUPS[provider]
    installed = with_groups(text, groups)
    assert our_groups(installed) == groups
    assert with_groups(installed, groups) == installed, "a second time changes nothing"
    before, after = parse(text).value, parse(installed).value
    assert without_ours(after, groups) == without_ours(before, {})
    assert list(after)[: len(before)] == list(before), "the order stays"
    assert without_groups(installed) == text


@given(settings_documents(), PROVIDERS)
def test_json_after_another_installation(text: str, provider: str) -> None:
    older = VENDORS[provider].groups(command(policy="strict", program=("/old/agentd-hook",)))
    twice = with_groups(with_groups(text, older), GROUPS[provider])
    assert our_groups(twice) == GROUPS[provider]
    assert without_groups(twice) == text


@given(settings_documents())
def test_a_named_member(text: str) -> None:
    value = {"enabled": True, **GROUPS["antigravity"]}
    installed = with_named(text, NAME, value)
    assert parse(installed).value == {**parse(text).value, NAME: value}
    assert with_named(installed, NAME, value) == installed
    assert without_named(installed, NAME) == text


@pytest.mark.parametrize("provider", [name for name in GROUPS if name != "antigravity"])
def test_a_file_of_our_own_goes_away_again(provider: str) -> None:
    made = with_groups(None, GROUPS[provider])
    assert parse(made).value == {"hooks": GROUPS[provider]}
    assert without_groups(made) is None
    assert without_named(with_named(None, NAME, {"x": GROUPS[provider]}), NAME) is None


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{}\n",
        "{ }",
        "{\n}\n",
        "{ // nothing yet\n}",
        '{"hooks":{}}',
        '{"hooks": {"PreToolUse": []}}',
        '{"hooks": {"PreToolUse": [ /* mine */ ]}}',
        '{\n\t"a": 1\n}',
        '{\r\n  "a": 1, // one\r\n}\r\n',
        '{"a": 1 // one\n}',
        '{"a": 1, /* x */ }',
    ],
)
def test_small_files(text: str) -> None:
    installed = with_groups(text, GROUPS["claude_code"])
    assert parse(installed).value["hooks"] == GROUPS["claude_code"]
    assert without_groups(installed) == text


def test_what_is_added_later_stays() -> None:
    installed = with_groups('{\n  "a": 1\n}\n', GROUPS["codex"])
    changed = installed.replace(
        '"SessionStart": [', '"SessionStart": [\n      {"hooks": []}, // mine'
    ).replace('"a": 1', '"a": 2')
    left = without_groups(changed)
    assert left is not None
    assert parse(left).value == {"a": 2, "hooks": {"SessionStart": [{"hooks": []}]}}
    assert "// mine" in left


def test_a_comment_in_what_was_made_stays() -> None:
    installed = with_groups("{\n}\n", GROUPS["codex"])
    changed = installed.replace('"hooks": {', '"hooks": { // about my hooks', 1)
    left = without_groups(changed)
    assert left is not None
    assert "// about my hooks" in left
    assert parse(left).value == {"hooks": {}}


def test_a_hook_of_somebody_else_in_our_group_stays() -> None:
    ours = GROUPS["claude_code"]["PreToolUse"][0]["hooks"][0]
    text = with_groups("{}", {"PreToolUse": [{"hooks": [{"command": "mine.sh"}, ours]}]})
    left = without_groups(text)
    assert left is not None
    assert parse(left).value == {"hooks": {"PreToolUse": [{"hooks": [{"command": "mine.sh"}]}]}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "the whole is no object"),
        ('{"hooks": []}', "hooks is no object"),
        ('{"hooks": {"PreToolUse": {}}}', "hooks.PreToolUse is no list"),
        ('{"hooks": {}, "hooks": {}}', "has 'hooks' twice"),
        ('{"hooks": {"Stop": [], "Stop": []}}', "has 'Stop' twice"),
    ],
)
def test_settings_of_another_shape_are_not_guessed_at(text: str, message: str) -> None:
    for action in (our_groups, without_groups, lambda given: with_groups(given, GROUPS["codex"])):
        with pytest.raises(OddSettings, match=message):
            action(text)


def test_somebody_else_s_name_is_not_taken() -> None:
    with pytest.raises(OddSettings, match="agentd"):
        with_named('{"agentd": {"enabled": false}}', NAME, {"enabled": True})


PATH = ("hooks", "state", "/home/me/.codex/hooks.json:pre_tool_use:0:0")
TRUST = {"trusted_hash": "sha256:ff"}
OTHER = (*PATH[:2], "other")


@given(toml_documents())
def test_toml(text: str) -> None:
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(NotToml):
            with_table(text, PATH, TRUST)
        return
    try:
        added = with_table(text, PATH, TRUST)
    except OddToml:
        # Only where something else stands there: a string, or an array of tables.
        assert not isinstance(before.get("hooks", {}), dict)
        return
    assert table_at(added, PATH) == TRUST
    assert with_table(added, PATH, TRUST) == added
    both = with_table(added, OTHER, TRUST)
    assert without_table(both, OTHER) == added
    other = without_table(both, PATH)
    assert other is not None
    assert repr(tomllib.loads(other)) == repr(tomllib.loads(with_table(text, OTHER, TRUST)))
    assert without_table(added, PATH) == text


def test_a_toml_file_of_our_own_goes_away_again() -> None:
    made = with_table(with_table(None, PATH, TRUST), OTHER, TRUST)
    left = without_table(made, PATH)
    assert left is not None
    assert without_table(left, OTHER) is None
    assert with_table("", PATH, TRUST) == made.partition("\n")[2].partition("\n\n")[0] + "\n"
    assert without_table(with_table("", PATH, TRUST), PATH) == ""


def test_a_table_in_another_form_is_left_alone() -> None:
    inline = 'hooks = { state = { "k" = { trusted_hash = "sha256:00" } } }\n'
    with pytest.raises(OddToml):
        with_table(inline, PATH, TRUST)
    with pytest.raises(OddToml):
        without_table(inline, ("hooks", "state", "k"))


def test_a_table_that_only_stands_in_a_text_is_not_there() -> None:
    text = "text = '''\n[hooks.state.other]\ntrusted_hash = \"sha256:ff\"\n'''\n"
    added = with_table(text, OTHER, TRUST)
    assert added != text
    with pytest.raises(OddToml):
        # The first of two places that look alike is in a string: rather nothing than the wrong one.
        without_table(added, OTHER)


def test_the_command_is_known_again() -> None:
    assert isinstance(command(), HookCommand)
    for name, groups in GROUPS.items():
        for listed in groups.values():
            for group in listed:
                assert name in group["hooks"][0]["command"]
