"""What real programs wrote, and what is read from it: fixtures beside their expected events.

`python -m tests.providers.streams` writes the expected events anew, to be looked at before they are
kept. The streams of Codex, Gemini CLI, Qwen Code and OpenCode were recorded; those of Claude Code
follow its documentation, and those of Antigravity what others report.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from agentd.providers.adapter import Adapter
from agentd.providers.agent_events import AgentEvent, Events, event_to_json
from agentd.providers.antigravity import ADAPTER as ANTIGRAVITY
from agentd.providers.claude_code import ADAPTER as CLAUDE_CODE
from agentd.providers.codex import ADAPTER as CODEX
from agentd.providers.gemini import ADAPTER as GEMINI
from agentd.providers.opencode import ADAPTER as OPENCODE
from agentd.providers.outcome import Ended, Tally
from agentd.providers.output import OutputReader
from agentd.providers.qwen import ADAPTER as QWEN

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass(frozen=True, slots=True)
class Stream:
    """One recorded run."""

    adapter: Adapter
    name: str
    exit_code: int
    ended: Ended

    @property
    def output(self) -> bytes:
        """What the program wrote to its standard output."""
        return (FIXTURES / f"{self.name}.jsonl").read_bytes()

    @property
    def errors(self) -> list[str]:
        """The lines of its standard error."""
        path = FIXTURES / f"{self.name}.stderr"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def expected(self) -> Path:
        """Where the events that are read from it stand, a line of JSON each."""
        return FIXTURES / f"{self.name}.events"


DONE, REFUSED, FAILED = Ended.DONE, Ended.REFUSED, Ended.FAILED

STREAMS = (
    Stream(CODEX, "codex_exec_edit_apply_patch_tool", 0, DONE),
    Stream(CODEX, "codex_exec_429_then_recovered", 0, DONE),
    Stream(CODEX, "codex_exec_error_401", 1, FAILED),
    Stream(CODEX, "codex_exec_error_429", 1, FAILED),
    Stream(CODEX, "codex_exec_error_500", 1, FAILED),
    Stream(CODEX, "codex_exec_error_quota", 1, FAILED),
    Stream(CODEX, "codex_exec_server_down_retries_forever", -9, FAILED),
    Stream(CODEX, "codex_exec_server_down_unbounded_retries_disabled", 1, FAILED),
    Stream(CODEX, "codex_exec_mcp", 0, DONE),
    Stream(CODEX, "codex_exec_mcp_no_annotations_rejected", 0, REFUSED),
    Stream(CODEX, "codex_exec_move_and_delete", 0, DONE),
    Stream(CODEX, "codex_exec_missing_api_key_env", 1, FAILED),
    Stream(CODEX, "codex_exec_hook_denied_apply_patch", 0, REFUSED),
    Stream(CODEX, "codex_exec_readonly_patch_rejected_silently", 0, REFUSED),
    Stream(CODEX, "codex_exec_patch_context_mismatch", 0, DONE),
    Stream(CODEX, "codex_exec_output_schema", 0, DONE),
    Stream(CODEX, "codex_exec_git_commit_blocked_by_sandbox", 0, DONE),
    Stream(GEMINI, "gemini_edit_yolo", 0, DONE),
    Stream(GEMINI, "gemini_hook_denied", 0, REFUSED),
    Stream(GEMINI, "gemini_error_400_streamjson", 144, FAILED),
    Stream(GEMINI, "gemini_429_endless_backoff", -15, FAILED),
    Stream(GEMINI, "gemini_default_mode_tools_absent", 0, REFUSED),
    Stream(GEMINI, "gemini_plan", 0, REFUSED),
    Stream(GEMINI, "gemini_mcp", 0, DONE),
    Stream(GEMINI, "gemini_missing_key", 41, FAILED),
    Stream(GEMINI, "gemini_no_prompt", 42, FAILED),
    Stream(QWEN, "qwen_streamjson_edit", 0, DONE),
    Stream(QWEN, "qwen_default_mode_permission_denials", 0, REFUSED),
    Stream(QWEN, "qwen_hook_denied", 0, REFUSED),
    Stream(OPENCODE, "opencode_run_json", 0, DONE),
    Stream(CLAUDE_CODE, "claude_code_documented", 0, DONE),
    Stream(CLAUDE_CODE, "claude_code_documented_max_turns", 1, FAILED),
    Stream(ANTIGRAVITY, "antigravity_reported", 0, DONE),
    Stream(ANTIGRAVITY, "antigravity_reported_denied", 0, REFUSED),
)


def read_stream(stream: Stream) -> tuple[list[AgentEvent], OutputReader]:
    """All events of a run, those of its standard error last, and the reader that has counted."""
    reader = OutputReader(stream.adapter.read)
    events = [*reader.feed(stream.output), *reader.end()]
    for line in stream.errors:
        events += stream.adapter.read_error(line)
    return events, reader


def tally_of(events: Events) -> Tally:
    """What some events add up to."""
    tally = Tally()
    for event in events:
        tally.add(event)
    return tally


def lines_of(events: Events) -> bytes:
    """Events as their fixture has them."""
    return b"".join(orjson.dumps(event_to_json(event)) + b"\n" for event in events)


def main() -> None:
    """Writes the expected events of every stream."""
    for stream in STREAMS:
        stream.expected.write_bytes(lines_of(read_stream(stream)[0]))


if __name__ == "__main__":
    main()
