"""The words in which each vendor's hooks are spoken to: names of events, fields and tools. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Moment(StrEnum):
    """When a hook is called."""

    TOOL_STARTS = "tool starts"
    TOOL_ENDED = "tool ended"
    SESSION_STARTS = "session starts"
    TURN_ENDED = "turn ended"
    SESSION_ENDS = "session ends"
    OTHER = "other"
    """Something that is none of our business."""


class Tongue(StrEnum):
    """How an answer is written."""

    CLAUDE = "claude"
    """`hookSpecificOutput.permissionDecision`; nothing at all is no opinion."""
    GEMINI = "gemini"
    """`decision`; nothing at all is no opinion."""
    ANTIGRAVITY = "antigravity"
    """`decision`; nothing at all is a refusal."""


class Dialect(NamedTuple):
    """One vendor's."""

    name: str
    """The provider as users name it, and as locks carry it."""
    tongue: Tongue
    moments: Mapping[str, Moment]
    file_tools: frozenset[str]
    """Tools that write the file which an argument names; in lower case."""
    path_arguments: tuple[str, ...]
    """Where such a tool has the path. The first that is there counts."""
    patch_tools: frozenset[str] = frozenset()
    """Tools whose input is the text of an `apply_patch`."""
    shell_tools: frozenset[str] = frozenset()
    """Tools that run a shell, in which this client acts upon an `apply_patch` itself."""


_CLAUDE_MOMENTS: Final = {
    "PreToolUse": Moment.TOOL_STARTS,
    "PostToolUse": Moment.TOOL_ENDED,
    "SessionStart": Moment.SESSION_STARTS,
    "Stop": Moment.TURN_ENDED,
    "SessionEnd": Moment.SESSION_ENDS,
}
_GEMINI_MOMENTS: Final = {
    "BeforeTool": Moment.TOOL_STARTS,
    "AfterTool": Moment.TOOL_ENDED,
    "SessionStart": Moment.SESSION_STARTS,
    "AfterAgent": Moment.TURN_ENDED,
    "SessionEnd": Moment.SESSION_ENDS,
}

DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            "codex",
            Tongue.CLAUDE,
            _CLAUDE_MOMENTS,
            file_tools=frozenset({"edit", "write"}),
            path_arguments=("file_path", "path"),
            patch_tools=frozenset({"apply_patch"}),
            shell_tools=frozenset({"bash", "shell", "exec_command"}),
        ),
        Dialect(
            "claude_code",
            Tongue.CLAUDE,
            _CLAUDE_MOMENTS,
            file_tools=frozenset({"edit", "write", "multiedit", "notebookedit"}),
            path_arguments=("file_path", "notebook_path"),
        ),
        Dialect(
            "gemini",
            Tongue.GEMINI,
            _GEMINI_MOMENTS,
            file_tools=frozenset({"replace", "edit", "write_file"}),
            path_arguments=("file_path", "absolute_path"),
        ),
        Dialect(
            "qwen",
            Tongue.CLAUDE,
            _CLAUDE_MOMENTS,
            file_tools=frozenset(
                {"edit", "replace", "write_file", "write", "multiedit", "notebook_edit"}
            ),
            path_arguments=("file_path", "notebook_path", "absolute_path"),
        ),
        Dialect(
            "antigravity",
            Tongue.ANTIGRAVITY,
            {},
            file_tools=frozenset(
                {"write_to_file", "replace_file_content", "multi_replace_file_content"}
            ),
            path_arguments=("TargetFile", "AbsolutePath", "FilePath", "file_path", "path"),
        ),
    )
}
"""By provider."""
