"""Which log lines are written, and in which form: text for people, JSON lines for programs.

A line names what happened and to what, by ids; never payloads, metadata or lease ids.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any, Final

import orjson

from agentd.errors import InvalidParams

ROOT: Final = "agentd"

_OFF: Final = logging.CRITICAL + 10
_LEVELS: Final = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "off": _OFF,
}
_TEXT_FORM: Final = {
    logging.DEBUG: "DEBUG",
    logging.INFO: "INFO ",
    logging.WARNING: "WARN ",
    logging.ERROR: "ERROR",
    logging.CRITICAL: "ERROR",
}


def parse_filter(text: str) -> dict[str, int]:
    """Logger name to level, from the syntax of RUST_LOG: `warn,agentd=debug,agentd::core=info`.

    A bare level is meant for everything; a bare name means all of that name. Names of other
    programs are allowed and have no effect. Raises `InvalidParams` for a level that is none.
    """
    levels: dict[str, int] = {}
    for directive in filter(None, (part.strip() for part in text.split(","))):
        name, equals, level = (part.strip() for part in directive.partition("="))
        if not equals:
            if name.lower() in _LEVELS:
                levels[ROOT] = _LEVELS[name.lower()]
            else:
                levels[_logger_name(name)] = logging.DEBUG
        elif level.lower() in _LEVELS:
            levels[_logger_name(name)] = _LEVELS[level.lower()]
        else:
            raise InvalidParams(
                "invalid_field",
                f"AGENTD_LOG: {level!r} is no log level",
                hint="Use a filter such as `agentd=debug,agentd.core.server=warn`; the levels are "
                "trace, debug, info, warn, error and off.",
                path="AGENTD_LOG",
                rule="must be a log filter",
            )
    return levels


def _logger_name(name: str) -> str:
    return name.replace("::", ".").replace("-", "_")


def configure(log_filter: str, log_format: str, stream: IO[str]) -> None:
    """Sends the log lines of agentd that pass the filter to `stream`, and only there.

    `log_format` is `text`, `json` or `auto`: text where the stream is a terminal.
    """
    levels = parse_filter(log_filter)
    as_text = log_format == "text" or (log_format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if as_text else JsonFormatter())
    root = logging.getLogger(ROOT)
    root.handlers[:] = [handler]
    root.propagate = False
    root.setLevel(logging.INFO)
    for name, level in levels.items():
        if name == ROOT or name.startswith(f"{ROOT}."):
            logging.getLogger(name).setLevel(level)


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    return fields


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _TEXT_FORM[record.levelno].strip().lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


class TextFormatter(logging.Formatter):
    """`12:00:00.123 INFO  server: listening path=/…`, in local time."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback below it if there is one."""
        at = datetime.fromtimestamp(record.created).astimezone()
        module = record.name.rpartition(".")[2]
        fields = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items())
        line = (
            f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} {_TEXT_FORM[record.levelno]} "
            f"{module}: {record.getMessage()}{fields}"
        )
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _plain(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and " " not in text else repr(text)
