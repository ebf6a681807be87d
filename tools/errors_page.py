"""The generated sections of `docs/errors.md`, from the table of reasons."""

from __future__ import annotations

from agentd.errors import REASONS, AgentdError, Reason
from tools.sections import table


def sections() -> dict[str, str]:
    """The errors that come over the wire, by class, and those that only our own programs raise."""
    classes: dict[type[AgentdError], dict[str, Reason]] = {}
    for name, reason in REASONS.items():
        if not reason.local:
            classes.setdefault(reason.error, {})[name] = reason
    local = {name: reason for name, reason in REASONS.items() if reason.local}
    return {
        "classes": table(
            ("code", "class", "exception", "reasons"),
            [
                (
                    f"{error.code}",
                    f"`{error.kind}`",
                    f"`{error.__name__}`",
                    ", ".join(f"[`{name}`](#{name})" for name in reasons),
                )
                for error, reasons in classes.items()
            ],
        ),
        "reasons": "\n".join(_class(error, reasons) for error, reasons in classes.items()),
        "local-reasons": "\n".join(
            _reason(name, reason, f"Exception `{reason.error.__name__}`, code {reason.error.code}.")
            for name, reason in local.items()
        ),
    }


def _class(error: type[AgentdError], reasons: dict[str, Reason]) -> str:
    heading = f"### {error.code} {error.kind}\n\n{error.__doc__}\n"
    return "\n".join([heading, *(_reason(name, reason) for name, reason in reasons.items())])


def _reason(name: str, reason: Reason, note: str = "") -> str:
    lines = [f"#### {name}", "", " ".join(part for part in (reason.meaning, note) if part), ""]
    lines.append(f"- retry: `{reason.retry}`")
    lines.append(f"- hint: {reason.hint}")
    if reason.data:
        lines.append(f"- data: {', '.join(f'`{key}`' for key in reason.data)}")
    return "\n".join([*lines, ""])
