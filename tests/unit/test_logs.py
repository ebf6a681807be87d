"""Which log lines pass, and what they look like."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from agentd.core.logs import configure, parse_filter
from agentd.errors import InvalidParams


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    names = ("agentd", "agentd.core.server")
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    root = logging.getLogger("agentd")
    handlers, propagate = list(root.handlers), root.propagate
    yield
    root.handlers[:] = handlers
    root.propagate = propagate
    for logger, level in before:
        logger.setLevel(level)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("debug", {"agentd": logging.DEBUG}),
        ("agentd=debug", {"agentd": logging.DEBUG}),
        ("agentd", {"agentd": logging.DEBUG}),
        ("", {}),
        (
            "warn, agentd::core::server=trace,hyper=error",
            {
                "agentd": logging.WARNING,
                "agentd.core.server": logging.DEBUG,
                "hyper": logging.ERROR,
            },
        ),
    ],
)
def test_the_filter_has_the_syntax_of_rust_log(text: str, levels: dict[str, int]) -> None:
    assert parse_filter(text) == levels


def test_a_level_that_is_none_is_refused_by_its_variable() -> None:
    with pytest.raises(InvalidParams, match="loud"):
        parse_filter("agentd=loud")


def written(log_filter: str, log_format: str) -> str:
    stream = io.StringIO()
    configure(log_filter, log_format, stream)
    server, writer = (logging.getLogger(f"agentd.core.{name}") for name in ("server", "writer"))
    server.info("accepted", extra={"fields": {"path": "/tmp/a b", "clients": 2}})
    writer.warning("slow")
    return stream.getvalue()


def test_lines_for_programs_are_json() -> None:
    first, second = map(json.loads, written("info", "json").splitlines())
    assert first["level"] == "info"
    assert first["logger"] == "agentd.core.server"
    assert first["message"] == "accepted"
    assert first["clients"] == 2
    assert first["at"].endswith("+00:00")
    assert second["level"] == "warn"


def test_lines_for_people_are_text_where_they_read_them() -> None:
    first, second = written("info", "text").splitlines()
    assert first.endswith("INFO  server: accepted path='/tmp/a b' clients=2")
    assert second.endswith("WARN  writer: slow")
    assert written("info", "auto").startswith("{")  # The stream is no terminal.


def test_what_does_not_pass_is_not_written() -> None:
    assert [json.loads(line)["message"] for line in written("warn", "json").splitlines()] == [
        "slow"
    ]
    assert written("agentd=off", "json") == ""
    assert "accepted" in written("warn,agentd.core.server=info", "json")


def test_an_exception_keeps_its_traceback() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("agentd.core.server").exception("failed")
    assert "boom" in json.loads(stream.getvalue())["traceback"]
