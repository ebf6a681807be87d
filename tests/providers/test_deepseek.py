"""The client of DeepSeek's API, against a local server that plays it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from agentd.errors import AgentdError, InvalidParams, Unsupported
from agentd.providers.completers import completer
from agentd.providers.completion import (
    Completion,
    CompletionRequest,
    Message,
    Role,
    Stop,
    Usage,
)
from agentd.providers.deepseek import DeepSeek, _wanted_pause
from agentd.settings import load_settings
from tests.fakes.model_server import ModelServer, Reply, answer, refusal, serving

KEY = "sk-0123456789abcdef"
REQUEST = CompletionRequest(
    messages=(Message(Role.SYSTEM, "Be short."), Message(Role.USER, "Hello — «you»")),
    tokens_max=50,
    json_object=True,
    temperature=0.0,
    thinking=False,
)


class Pauses:
    """Takes the time for spent."""

    def __init__(self) -> None:
        self.secs: list[float] = []

    async def __call__(self, secs: float) -> None:
        self.secs.append(secs)


async def ask(
    server: ModelServer,
    *,
    model: str = "deepseek-flash",
    total_secs: float = 30.0,
    pauses: Pauses | None = None,
) -> Completion:
    asked = DeepSeek(
        key=KEY,
        base_url=f"{server.url}/",
        model=model,
        total_secs=total_secs,
        sleep=pauses or Pauses(),
    )
    return await asked.complete(REQUEST)


async def test_an_answer_comes_with_its_usage() -> None:
    with serving(answer("Hi.", model="deepseek-flash-1")).running() as server:
        completion = await ask(server)
    assert completion == Completion(
        text="Hi.",
        model="deepseek-flash-1",
        usage=Usage(prompt_tokens=900, cached_tokens=640, completion_tokens=40),
        stop=Stop.DONE,
    )
    (asked,) = server.asked
    assert (asked.path, asked.authorization) == ("/chat/completions", f"Bearer {KEY}")
    assert asked.body == {
        "model": "deepseek-flash",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Hello — «you»"},
        ],
        "max_tokens": 50,
        "stream": False,
        "thinking": {"type": "disabled"},
        "response_format": {"type": "json_object"},
        "temperature": 0.0,
    }


@pytest.mark.parametrize(
    "kept_alive",
    [b"\n\n", b"\r\n \n", b": keep-alive\n\n: keep-alive\n\n", b"\n: keep-alive\r\n"],
)
async def test_what_kept_the_line_open_is_no_part_of_the_answer(kept_alive: bytes) -> None:
    said = answer("Hi.")
    with serving(Reply(body=kept_alive + said.body)).running() as server:
        assert (await ask(server)).text == "Hi."


async def test_nothing_but_keeping_the_line_open_is_no_answer() -> None:
    with (
        serving(Reply(body=b": keep-alive\n" * 10_000)).running() as server,
        pytest.raises(AgentdError, match="no completion: : keep-alive"),
    ):
        await ask(server)


async def test_an_old_name_is_an_alias() -> None:
    with serving(answer("Hi.")).running() as server:
        await ask(server, model="deepseek-v4-flash")
    assert server.asked[0].body["model"] == "deepseek-flash"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_passes_is_tried_again_after_a_pause(status: int) -> None:
    pauses = Pauses()
    busy = refusal(status, "busy")
    with serving(busy, busy, answer("Hi.")).running() as server:
        assert (await ask(server, pauses=pauses)).text == "Hi."
    assert pauses.secs == [0.5, 1.0]


async def test_the_server_may_ask_for_a_longer_pause_within_reason() -> None:
    pauses = Pauses()
    replies = [refusal(429, "wait", Retry_After=secs) for secs in ("7", "0", "never", "99999")]
    with serving(*replies, answer("Hi.")).running() as server:
        await ask(server, pauses=pauses)
    assert pauses.secs == [7.0, 1.0, 2.0, 30.0]


@pytest.mark.parametrize(
    ("wanted", "now", "secs"),
    [
        ("2.5", "", 2.5),
        ("Sat, 28 Nov 2026 14:00:09 GMT", "Sat, 28 Nov 2026 14:00:00 GMT", 9.0),
        ("Sat, 28 Nov 2026 13:00:00 GMT", "Sat, 28 Nov 2026 14:00:00 GMT", 0.0),
        ("Sat, 28 Nov 2026 14:00:09", "Sat, 28 Nov 2026 14:00:00 GMT", 0.0),
        ("Sat, 28 Nov 2026 14:00:09 GMT", "", 0.0),
        ("Sat, 99 Nov 2026 14:00:09 GMT", "Sat, 28 Nov 2026 14:00:00 GMT", 0.0),
        ("-5", "", 0.0),
        ("nan", "", 0.0),
        ("1e9", "", 0.0),
        ("\u0663", "", 0.0),
        ("", "", 0.0),
    ],
)
def test_the_forms_in_which_a_pause_is_asked_for(wanted: str, now: str, secs: float) -> None:
    assert _wanted_pause({"retry-after": wanted, "date": now}) == secs


@pytest.mark.parametrize("finish", [[], {}, 7, None, True])
async def test_an_odd_reason_to_stop_is_another_one(finish: object) -> None:
    choice = {"message": {"content": "x"}, "finish_reason": finish}
    body = json.dumps({"choices": [choice], "usage": {"prompt_tokens": True}})
    with serving(Reply(body=body.encode())).running() as server:
        completion = await ask(server)
    assert (completion.stop, completion.usage) == (Stop.OTHER, Usage())


async def test_it_gives_up_in_the_end() -> None:
    pauses = Pauses()
    with (
        serving(refusal(503, "overloaded")).running() as server,
        pytest.raises(AgentdError, match="status 503: overloaded") as caught,
    ):
        await ask(server, pauses=pauses)
    assert caught.value.reason == "provider_failed"
    assert len(server.asked) == len(pauses.secs) + 1 == 6


@pytest.mark.parametrize(
    ("reply", "reason", "said"),
    [
        (refusal(401, f"Your key {KEY} is wrong"), "provider_refused", "key \\*\\*\\* is wrong"),
        (refusal(402, "Insufficient Balance"), "provider_refused", "Insufficient Balance"),
        (refusal(400, "no such\nmodel\x1b[31m"), "provider_failed", "status 400: no such⏎model"),
        (Reply(404, b"<html>not here</html>"), "provider_failed", "status 404: <html>not here"),
        (Reply(200, b"so sorry"), "provider_failed", "no completion: so sorry"),
        (Reply(200, b'{"choices": []}'), "provider_failed", "no completion"),
        (Reply(200, b'{"choices": [{"message": {}}]}'), "provider_failed", "no completion"),
        (Reply(200, b'{"choices": "x"}'), "provider_failed", "no completion"),
        (Reply(200, b"\xff" * 10), "provider_failed", "no completion"),
        (Reply(200, b"x" * (9 << 20)), "provider_failed", "more than 8,388,608 bytes"),
        (Reply(301, b"", {"Location": "https://example.org"}), "provider_failed", "status 301"),
    ],
)
async def test_what_does_not_pass_is_told_at_once(
    reply: Reply, reason: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(reply).running() as server, pytest.raises(AgentdError, match=said) as caught:
        await ask(server)
    assert caught.value.reason == reason
    assert len(server.asked) == 1
    assert KEY not in str(caught.value) + caught.value.hint + str(caught.value.to_wire())
    assert KEY not in caplog.text


async def test_odd_usage_counts_as_none() -> None:
    odd = b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "many"}}'
    with serving(Reply(body=odd)).running() as server:
        completion = await ask(server)
    assert (completion.usage, completion.stop) == (Usage(), Stop.OTHER)
    assert completion.model == "deepseek-flash"


async def test_a_server_that_only_keeps_the_line_open_is_left() -> None:
    with (
        serving(Reply(hangs=True)).running() as server,
        pytest.raises(AgentdError, match=r"no answer within 0\.3 s"),
    ):
        await ask(server, total_secs=0.3)


async def test_nobody_there() -> None:
    with serving(answer("")).running() as server:
        pass
    with pytest.raises(AgentdError, match="cannot be reached at http://127"):
        await ask(server)


@pytest.mark.parametrize(
    "url",
    ["http://api.deepseek.com", "api.deepseek.com", "ftp://x", "https://me:pw@x", "https://[", ""],
)
def test_the_key_goes_to_no_odd_address(url: str) -> None:
    with pytest.raises(InvalidParams, match="DEEPSEEK_BASE_URL must"):
        DeepSeek(key=KEY, base_url=url, model="m")


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel"])
def test_a_key_that_no_header_can_hold(key: str) -> None:
    with pytest.raises(InvalidParams, match="DEEPSEEK_API_KEY") as caught:
        DeepSeek(key=key, base_url="https://api.deepseek.com", model="m")
    assert key not in str(caught.value)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A user whose home is the temporary directory and who has set nothing."""
    for name in ("DEEPSEEK_API_KEY", "DEEPSEEK_BASE_URL", "DEEPSEEK_MODEL", "AGENTD_ENV_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AGENTD_HOME", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_it_says_what_to_set(
    key: str | None, tmp_path: Path, user: pytest.MonkeyPatch
) -> None:
    if key is not None:
        user.setenv("DEEPSEEK_API_KEY", key)
    with pytest.raises(Unsupported, match="DEEPSEEK_API_KEY is not set") as caught:
        completer("deepseek", load_settings())
    assert str(tmp_path / ".env") in caught.value.hint


@pytest.mark.usefixtures("user")
def test_an_unknown_model_is_told_who_is_known() -> None:
    with pytest.raises(Unsupported) as caught:
        completer("nobody", load_settings())
    assert caught.value.data == {"known": ["deepseek"]}


def test_the_key_comes_from_the_env_file_and_shows_nowhere(
    tmp_path: Path, user: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "env"
    file.write_text(f"DEEPSEEK_API_KEY={KEY}\nDEEPSEEK_MODEL=deepseek-v4-pro\n")
    file.chmod(0o644)
    user.setenv("AGENTD_ENV_FILE", str(file))
    with pytest.raises(AgentdError, match="can be read by other users"):
        load_settings()
    file.chmod(0o600)
    settings = load_settings()
    assert file in settings.private_paths
    made = completer("deepseek", settings)
    assert isinstance(made, DeepSeek)
    assert made.model == "deepseek-v4-pro"
    assert KEY not in repr(settings) + str(settings) + repr(made)
