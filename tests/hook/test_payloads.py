"""What the vendors' programs say is read as what they mean."""

from __future__ import annotations

import json

import pytest

from agentd.hook.dialects import DIALECTS, Moment
from agentd.hook.payload import PAYLOAD_BYTES_MAX, BadPayload, read_payload
from agentd.hook.tool_calls import UnreadableCall, written_paths
from tests.hook.payloads import recorded

START, END, TOOL, DONE, TURN, OTHER = (
    Moment.SESSION_STARTS,
    Moment.SESSION_ENDS,
    Moment.TOOL_STARTS,
    Moment.TOOL_ENDED,
    Moment.TURN_ENDED,
    Moment.OTHER,
)
Said = tuple[Moment, str, tuple[str, ...] | None]

PATCHED = ("src/app.py", "NOTES.md")
EXPECTED: dict[str, list[Said]] = {
    "codex_apply_patch": [
        (START, "", None),
        (OTHER, "", None),
        (TOOL, "apply_patch", PATCHED),
        (DONE, "apply_patch", PATCHED),
        (TOOL, "Bash", None),
        (DONE, "Bash", None),
        (TURN, "", None),
        (END, "", None),
    ],
    "codex_shell": [
        (START, "", None),
        (OTHER, "", None),
        (TOOL, "Bash", PATCHED),
        (TOOL, "Bash", None),
        (DONE, "Bash", None),
        (TURN, "", None),
        (END, "", None),
    ],
    "codex_mcp": [
        (START, "", None),
        (OTHER, "", None),
        (TOOL, "mcp__agentd__lock_list", None),
        (DONE, "mcp__agentd__lock_list", None),
        (TOOL, "mcp__agentd__lock_acquire", None),
        (TURN, "", None),
        (END, "", None),
    ],
    "gemini": [
        (START, "", None),
        (OTHER, "", None),
        (TOOL, "replace", ("/lab/grepo/src/app.py",)),
        (DONE, "replace", ("/lab/grepo/src/app.py",)),
        (TOOL, "write_file", ("/lab/grepo/NOTES.md",)),
        (DONE, "write_file", ("/lab/grepo/NOTES.md",)),
        (TOOL, "run_shell_command", None),
        (DONE, "run_shell_command", None),
        (TURN, "", None),
        (END, "", None),
    ],
    "qwen": [
        (OTHER, "", None),
        (OTHER, "", None),
        (TOOL, "read_file", None),
        (DONE, "read_file", None),
        (OTHER, "", None),
        (TOOL, "edit", ("/lab/qrepo/src/app.py",)),
        (OTHER, "", None),
        (TOOL, "run_shell_command", None),
        (DONE, "run_shell_command", None),
        (OTHER, "", None),
        (TURN, "", None),
    ],
    "claude_code": [
        (START, "", None),
        (OTHER, "", None),
        (TOOL, "Read", None),
        (TOOL, "Edit", ("/home/me/shop/src/app.py",)),
        (TOOL, "Write", ("/home/me/shop/NOTES.md",)),
        (TOOL, "MultiEdit", ("/home/me/shop/src/b.py",)),
        (TOOL, "NotebookEdit", ("/home/me/shop/a.ipynb",)),
        (TOOL, "Bash", None),
        (DONE, "Edit", ("/home/me/shop/src/app.py",)),
        (OTHER, "", None),
        (TURN, "", None),
        (END, "", None),
    ],
    "antigravity": [
        (TOOL, "run_command", None),
        (TOOL, "write_to_file", ("/home/me/shop/NOTES.md",)),
        (TOOL, "replace_file_content", ("/home/me/shop/src/app.py",)),
        (OTHER, "", None),
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_and_documented_payloads(name: str) -> None:
    provider = next(each for each in DIALECTS if name.startswith(each))
    dialect = DIALECTS[provider]
    said: list[Said] = []
    for raw in recorded(name):
        payload = read_payload(dialect, json.dumps(raw).encode())
        assert payload.session == (raw.get("session_id") or raw["conversationId"])
        assert payload.directory == (raw.get("cwd") or raw["workspacePaths"][0])
        paths = written_paths(dialect, payload.tool, payload.arguments)
        said.append((payload.moment, payload.tool, paths))
    assert said == EXPECTED[name]


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b'{"hook_event_name": "PreToolUse", "tool_na',
        b"[" * 100_000,
        b"null",
        b"[]",
        b'"PreToolUse"',
    ],
    ids=repr,
)
def test_garbage_is_refused(provider: str, data: bytes) -> None:
    with pytest.raises(BadPayload):
        read_payload(DIALECTS[provider], data)


@pytest.mark.parametrize(
    ("provider", "raw"),
    [
        ("codex", {"tool_name": "apply_patch", "tool_input": {}}),
        ("codex", {"hook_event_name": "PreToolUse", "tool_input": {}}),
        ("claude_code", {"hook_event_name": ["PreToolUse"], "tool_name": "Edit"}),
        ("gemini", {"hook_event_name": "BeforeTool", "tool_name": 7}),
        ("antigravity", {"toolCall": {"args": {"TargetFile": "/x"}}}),
        ("antigravity", {"toolCall": "write_to_file"}),
    ],
)
def test_what_names_no_event_or_tool_is_refused(provider: str, raw: object) -> None:
    with pytest.raises(BadPayload):
        read_payload(DIALECTS[provider], json.dumps(raw).encode())


def test_too_much_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadPayload, match="MiB"):
        read_payload(DIALECTS["codex"], b" " * (PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize("provider", DIALECTS)
def test_fields_of_a_wrong_type_count_as_missing(provider: str) -> None:
    event = "BeforeTool" if provider == "gemini" else "PreToolUse"
    raw = {
        "hook_event_name": event,
        "tool_name": "edit",
        "tool_input": ["x"],
        "session_id": 5,
        "cwd": {},
        "conversationId": [],
        "workspacePaths": {"0": "/"},
        "toolCall": {"name": "edit", "args": None},
    }
    payload = read_payload(DIALECTS[provider], json.dumps(raw).encode())
    assert (payload.session, payload.directory, payload.arguments) == ("", "", {})


def test_a_file_tool_without_a_path_cannot_be_judged() -> None:
    with pytest.raises(UnreadableCall, match="Edit"):
        written_paths(DIALECTS["claude_code"], "Edit", {"file_path": 3})
    with pytest.raises(UnreadableCall, match="names no file"):
        written_paths(DIALECTS["codex"], "apply_patch", {"command": "*** Begin Patch\n+x"})
    with pytest.raises(UnreadableCall):
        written_paths(DIALECTS["codex"], "apply_patch", {})


def test_unknown_tools_name_no_files() -> None:
    for dialect in DIALECTS.values():
        assert written_paths(dialect, "teleport", {"file_path": "/etc/passwd"}) is None


PATCH = """*** Begin Patch
*** Update File: src/old name.py
*** Move to: src/new.py
@@ def f():
 *** Update File: context.py
-*** Delete File: removed-line.py
+*** Add File: added-line.py
+x
*** Delete File: gone.py
*** Add File: /abs/made.py\t
+*** Move to: nowhere.py
 *** End of File
*** End Patch
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_path_of_a_patch_counts_and_no_line_of_a_file(newline: str) -> None:
    text = PATCH.replace("\n", newline)
    found = written_paths(DIALECTS["codex"], "apply_patch", {"command": text})
    # What looks like a header in a context line is taken for one: rather one lock too many.
    assert found == ("src/old name.py", "src/new.py", "context.py", "gone.py", "/abs/made.py")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cd sub && apply_patch <<'EOF'\n{}EOF\n", "sub/a.py"),
        ("cd 'my dir' && apply_patch <<EOF\n{}EOF", "my dir/a.py"),
        ('cd "my dir" && apply_patch <<EOF\n{}EOF', "my dir/a.py"),
        ("cd /abs && apply_patch <<EOF\n{}EOF", "/abs/a.py"),
        ("apply_patch '{}'", "a.py"),
    ],
)
def test_codex_applies_patches_out_of_a_shell(command: str, expected: str) -> None:
    text = command.format("*** Begin Patch\n*** Delete File: a.py\n*** End Patch\n")
    dialect = DIALECTS["codex"]
    assert written_paths(dialect, "Bash", {"command": text}) == (expected,)
    # An argument vector is its words.
    assert written_paths(dialect, "shell", {"command": ["bash", "-lc", text]}) is not None


def test_only_codex_applies_patches_out_of_a_shell() -> None:
    text = "apply_patch <<EOF\n*** Begin Patch\n*** Delete File: a.py\n*** End Patch\nEOF"
    assert written_paths(DIALECTS["claude_code"], "Bash", {"command": text}) is None


def test_line_separators_of_unicode_end_no_line_of_a_patch() -> None:
    text = "*** Begin Patch\n*** Update File: a\u2028b.py\n*** End Patch"
    found = written_paths(DIALECTS["codex"], "apply_patch", {"command": text})
    assert found == ("a\u2028b.py",)
