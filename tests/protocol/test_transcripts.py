"""The golden transcripts: what goes over the wire, line by line, for every method and error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentd.errors import REASONS
from agentd.protocol.methods import METHODS, find_method, reasons_of
from tests.protocol.player import play
from tests.protocol.stage import staged
from tests.protocol.transcript_file import read

TRANSCRIPTS = Path(__file__).parent / "transcripts"
FILES = sorted(TRANSCRIPTS.rglob("*.txt"))

NEVER_SENT = {
    "session_not_found": "sessions are no part of this version",
    "session_not_running": "sessions are no part of this version",
    "already_attached": "sessions are no part of this version",
    "provider_unknown": "sessions are no part of this version",
    "provider_failed": "sessions are no part of this version",
    "worktree_failed": "sessions are no part of this version",
    "review_not_found": "no method takes the id of a review; the commands raise it",
    "path_outside_repository": "the daemon reads no paths of a repository; the referee does",
    "git_too_old": "the daemon runs no git; the referee does",
    "git_failed": "the daemon runs no git; the referee does",
}
"""Reasons of the contract that no method of this daemon answers with, and why."""

ELSEWHERE = {
    "peer_uid_mismatch": "needs a process of another user: tests/integration/test_server.py",
}
"""Reasons that the daemon answers with, tested where a transcript cannot provoke them."""


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
async def test_transcript(path: Path, home: Path) -> None:
    transcript = read(path)
    async with staged(home, transcript.settings) as stage:
        await play(transcript, stage)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_transcript(name: str) -> None:
    method = METHODS[name]
    transcript = read(TRANSCRIPTS / "methods" / f"{method.snake_name}.txt")
    called = [json.loads(line)["method"] for line in transcript.requests]
    assert any(find_method(name_called) is method for name_called in called)
    assert any("result" in reply for reply in transcript.replies)


@pytest.mark.parametrize("name", [name for name, reason in REASONS.items() if not reason.local])
def test_every_reason_has_a_transcript_or_says_why_not(name: str) -> None:
    path = TRANSCRIPTS / "reasons" / f"{name}.txt"
    if name in NEVER_SENT or name in ELSEWHERE:
        assert not path.exists()
        return
    reasons = [reply["error"]["data"]["reason"] for reply in read(path).replies if "error" in reply]
    assert name in reasons


def test_what_is_never_sent_is_documented_for_no_method() -> None:
    for method in METHODS.values():
        assert not NEVER_SENT.keys() & set(reasons_of(method))
