"""The exceptions that cross agentd's floors and its wire, and the one table of their reasons.

An error is a class (what kind of thing went wrong, a JSON-RPC code) and a reason (the closed set
below). A reason says whether a retry helps and what to call next; the message says what happened
this time. The tree:

    AgentdError
    ├── ParseError          -32700   the line is not JSON
    ├── InvalidRequest      -32600   JSON, but not a request
    ├── RequestTooLarge     -32001   the line is over the limit
    ├── MethodNotFound      -32601
    ├── InvalidParams       -32602
    ├── NotFound            -32010
    ├── LeaseLost           -32011   the caller no longer holds what it thinks it holds
    ├── InvalidState        -32012
    ├── AlreadyExists       -32013
    ├── ResourceExhausted   -32014   a limit of the daemon
    ├── Unavailable         -32015   not now
    ├── PermissionDenied    -32016
    ├── Unsupported         -32017
    ├── DependencyFailed    -32018   git, a worktree or a provider's program failed
    └── InternalError       -32603   a bug of ours; the log has the incident
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class Retry(StrEnum):
    """What repeating the request is good for."""

    NO = "no"
    """The same request fails again."""
    SAME = "same"
    """The same request may succeed."""
    LATER = "later"
    """The same request may succeed after a pause."""
    REACQUIRE = "reacquire"
    """Get a new lease first."""


class AgentdError(Exception):
    """An error with a documented reason.

    `data` holds JSON values that a program may want (a field's path, a limit, a cycle); the keys
    each reason carries are listed in `docs/errors.md`.
    """

    code: ClassVar[int] = -32603
    kind: ClassVar[str] = "internal"

    def __init__(self, reason: str, message: str, *, hint: str | None = None, **data: Any) -> None:
        super().__init__(message)
        known = REASONS.get(reason)
        self.reason = reason
        self.message = message
        self.retry = known.retry if known else Retry.NO
        self.hint = hint if hint is not None else (known.hint if known else "")
        self.data = data

    def to_wire(self) -> dict[str, Any]:
        """The `error` member of a response."""
        return {
            "code": self.code,
            "message": self.message,
            "data": {
                **self.data,
                "reason": self.reason,
                "retry": self.retry.value,
                "hint": self.hint,
            },
        }


class ParseError(AgentdError):
    """The line is not UTF-8 JSON."""

    code = -32700
    kind = "parse_error"


class InvalidRequest(AgentdError):
    """The line is JSON, but not a request."""

    code = -32600
    kind = "invalid_request"


class RequestTooLarge(AgentdError):
    """The line is longer than the daemon reads."""

    code = -32001
    kind = "request_too_large"


class MethodNotFound(AgentdError):
    """No method has this name."""

    code = -32601
    kind = "method_not_found"


class InvalidParams(AgentdError):
    """The params of a method are wrong."""

    code = -32602
    kind = "invalid_params"


class NotFound(AgentdError):
    """What the request names does not exist."""

    code = -32010
    kind = "not_found"


class LeaseLost(AgentdError):
    """The lease that the request shows is not, or no longer, the current one."""

    code = -32011
    kind = "lease_lost"


class InvalidState(AgentdError):
    """What the request names is not in a state that allows this."""

    code = -32012
    kind = "invalid_state"


class AlreadyExists(AgentdError):
    """The identity is taken."""

    code = -32013
    kind = "already_exists"


class ResourceExhausted(AgentdError):
    """A limit of the daemon is reached."""

    code = -32014
    kind = "resource_exhausted"


class Unavailable(AgentdError):
    """The daemon cannot serve the request now."""

    code = -32015
    kind = "unavailable"


class PermissionDenied(AgentdError):
    """The caller may not do this."""

    code = -32016
    kind = "permission_denied"


class Unsupported(AgentdError):
    """This installation cannot do it."""

    code = -32017
    kind = "unsupported"


class DependencyFailed(AgentdError):
    """A program that agentd runs has failed."""

    code = -32018
    kind = "dependency_failed"


class InternalError(AgentdError):
    """A bug. The message names the incident under which the log has the traceback."""

    code = -32603
    kind = "internal"


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of the table: what a reason means and what to do about it."""

    error: type[AgentdError]
    retry: Retry
    meaning: str
    hint: str
    data: tuple[str, ...] = ()
    """Keys that `data` carries besides reason, retry and hint."""
    local: bool = False
    """Raised by our own programs and clients, never sent by the daemon."""


REASONS: Mapping[str, Reason] = {
    "invalid_json": Reason(
        ParseError,
        Retry.NO,
        "The line is not a JSON value.",
        "Send one JSON object per line, encoded without raw newlines.",
    ),
    "invalid_utf8": Reason(
        ParseError,
        Retry.NO,
        "The line is not UTF-8 text.",
        "Encode the request as UTF-8.",
    ),
    "not_an_object": Reason(
        InvalidRequest,
        Retry.NO,
        "The line is JSON but not an object.",
        'Send {"id": 1, "method": "Health", "params": {}}.',
    ),
    "missing_method": Reason(
        InvalidRequest,
        Retry.NO,
        "The request has no `method`, or it is not a string.",
        'Send {"id": 1, "method": "Health", "params": {}}.',
    ),
    "bad_id": Reason(
        InvalidRequest,
        Retry.NO,
        "`id` is neither a string, a number nor null.",
        "Use a string or a number that is unique on the connection.",
    ),
    "line_too_long": Reason(
        RequestTooLarge,
        Retry.NO,
        "The line is longer than the daemon reads. Its rest was discarded.",
        "Send a patch as `head_revision` or `patch_file`, or raise AGENTD_MAX_LINE_BYTES.",
        ("limit",),
    ),
    "unknown_method": Reason(
        MethodNotFound,
        Retry.NO,
        "No method has this name.",
        "Call DescribeInterface for the list of methods.",
        ("did_you_mean",),
    ),
    "invalid_field": Reason(
        InvalidParams,
        Retry.NO,
        "A field of the params has a wrong type or value, or is missing.",
        "Correct the field named in data.path; DescribeInterface has the schema.",
        ("path", "rule"),
    ),
    "unknown_field": Reason(
        InvalidParams,
        Retry.NO,
        "The params have a field that the method does not know.",
        "Correct or leave out the field named in data.path; DescribeInterface has the schema.",
        ("path", "did_you_mean"),
    ),
    "dependency_cycle": Reason(
        InvalidParams,
        Retry.NO,
        "The dependencies of the nodes form a cycle, so none of them could ever run.",
        "Remove one of the dependencies listed in data.cycle.",
        ("cycle",),
    ),
    "unknown_dependency": Reason(
        InvalidParams,
        Retry.NO,
        "A node depends on an id or key that no node of the task has.",
        "Name only ids or keys of nodes in the same initial_nodes.",
        ("path", "dependency"),
    ),
    "duplicate_node": Reason(
        InvalidParams,
        Retry.NO,
        "Two nodes of the task have the same id or key.",
        "Give each node its own id and key.",
        ("path", "duplicate"),
    ),
    "bad_resource_key": Reason(
        InvalidParams,
        Retry.NO,
        "The resource key is empty, too long, or names a path outside the repository.",
        "Use file:PATH or dir:PATH with a path relative to the repository, or another short name.",
        ("path", "rule"),
    ),
    "ttl_out_of_range": Reason(
        InvalidParams,
        Retry.NO,
        "A lease would last shorter or longer than the daemon allows.",
        "Ask for a duration within data.min and data.max seconds and heartbeat while you work.",
        ("path", "min", "max"),
    ),
    "task_not_found": Reason(
        NotFound,
        Retry.NO,
        "No task has this id.",
        "Call ListTasks, or RegisterTask for a new one.",
    ),
    "node_not_found": Reason(
        NotFound,
        Retry.NO,
        "The task has no node with this id.",
        "Call TaskStatus for the nodes of the task.",
    ),
    "lock_not_found": Reason(
        NotFound,
        Retry.NO,
        "Nobody holds, or lately held, this resource under this lease.",
        "Call AcquireResourceLock before you heartbeat or release.",
    ),
    "session_not_found": Reason(
        NotFound,
        Retry.NO,
        "No session has this id or name.",
        "Call ListSessions.",
    ),
    "review_not_found": Reason(
        NotFound,
        Retry.NO,
        "No review has this id.",
        "Call ListDecisions.",
    ),
    "stale_lease": Reason(
        LeaseLost,
        Retry.REACQUIRE,
        "Another lease is the current one; the caller's was replaced.",
        "Stop working on it, drop unsaved results or hand them in as a bundle, and acquire again.",
    ),
    "lease_expired": Reason(
        LeaseLost,
        Retry.REACQUIRE,
        "The lease ran out before this request.",
        "Acquire again, and heartbeat before the lease expires.",
        ("expired_at",),
    ),
    "lease_released": Reason(
        LeaseLost,
        Retry.REACQUIRE,
        "The caller itself ended this lease earlier.",
        "Acquire again if you need it again.",
    ),
    "node_not_running": Reason(
        InvalidState,
        Retry.NO,
        "The node is not RUNNING, so there is no lease to use.",
        "Call TaskStatus to see its state; call AcquireNextNode to lease a runnable node.",
        ("status",),
    ),
    "task_finished": Reason(
        InvalidState,
        Retry.NO,
        "Nothing of the task is left to run.",
        "Register a new task.",
    ),
    "session_not_running": Reason(
        InvalidState,
        Retry.NO,
        "The session's process has ended.",
        "Start a new session.",
    ),
    "already_attached": Reason(
        InvalidState,
        Retry.LATER,
        "Somebody else is attached as the writer of the session.",
        "Watch instead of writing, or ask the one named in data.by to detach.",
        ("by",),
    ),
    "id_in_use": Reason(
        AlreadyExists,
        Retry.NO,
        "A task, node or review with this id exists already.",
        "Leave the id out to have one made, or send an idempotency_key to retry safely.",
        ("id",),
    ),
    "idempotency_mismatch": Reason(
        AlreadyExists,
        Retry.NO,
        "The idempotency_key was used before for a different request.",
        "Use a new idempotency_key for each different request.",
    ),
    "too_many_connections": Reason(
        ResourceExhausted,
        Retry.LATER,
        "The daemon serves as many connections as it may.",
        "Reuse one connection for many requests, or raise AGENTD_MAX_CONNECTIONS.",
        ("limit",),
    ),
    "too_many_nodes": Reason(
        ResourceExhausted,
        Retry.NO,
        "The task has more nodes or dependencies than the daemon allows.",
        "Split the work into several tasks.",
        ("limit",),
    ),
    "payload_too_large": Reason(
        ResourceExhausted,
        Retry.NO,
        "A payload, context or metadata object is larger than the daemon stores.",
        "Store the content in a file or commit and send its path or revision.",
        ("path", "limit"),
    ),
    "too_many_waiters": Reason(
        ResourceExhausted,
        Retry.LATER,
        "As many calls wait as the daemon allows.",
        "Call again without wait_secs and pause between calls.",
        ("limit",),
    ),
    "wait_cycle": Reason(
        ResourceExhausted,
        Retry.LATER,
        "Waiting would never end: the holders wait for what this owner holds.",
        "Release your own locks first, or acquire all you need at once with AcquireResourceLocks.",
        ("cycle",),
    ),
    "shutting_down": Reason(
        Unavailable,
        Retry.LATER,
        "The daemon is stopping.",
        "Reconnect when the daemon runs again; nothing that was answered is lost.",
    ),
    "database_busy": Reason(
        Unavailable,
        Retry.LATER,
        "The database did not answer in time.",
        "Send the same request again after a second.",
    ),
    "disk_full": Reason(
        Unavailable,
        Retry.LATER,
        "The disk is full or the database cannot be written; nothing was changed.",
        "Free space on the disk of the database, then send the same request again.",
    ),
    "peer_uid_mismatch": Reason(
        PermissionDenied,
        Retry.NO,
        "The connecting process belongs to another user.",
        "Connect as the user who runs the daemon.",
    ),
    "path_outside_repository": Reason(
        PermissionDenied,
        Retry.NO,
        "A path leaves the repository.",
        "Use paths relative to the repository's root.",
        ("path",),
    ),
    "provider_unknown": Reason(
        Unsupported,
        Retry.NO,
        "No provider has this name.",
        "Use one of the names in data.known, or the `command` provider.",
        ("known",),
    ),
    "git_too_old": Reason(
        Unsupported,
        Retry.NO,
        "The installed git lacks what the referee needs.",
        "Install the git version named in data.need or a newer one.",
        ("need", "have"),
    ),
    "git_failed": Reason(
        DependencyFailed,
        Retry.SAME,
        "A git command failed for a reason that says nothing about the change.",
        "Try again; if it stays, run `git fsck` on the repository.",
    ),
    "worktree_failed": Reason(
        DependencyFailed,
        Retry.SAME,
        "A worktree could not be made or removed.",
        "Look at the message, free the path it names, and try again.",
    ),
    "provider_failed": Reason(
        DependencyFailed,
        Retry.SAME,
        "The provider's program or API failed.",
        "Look at the message, and where it was a session's at the session's log.",
    ),
    "settings_unreadable": Reason(
        DependencyFailed,
        Retry.NO,
        "A settings file of an agent's program could not be changed, and was left alone.",
        "Correct the file, or move it away, and run the command again.",
        ("path",),
        local=True,
    ),
    "program_missing": Reason(
        DependencyFailed,
        Retry.NO,
        "The agent's program is not installed.",
        "Install it, or say in config.toml where it is.",
        ("program",),
        local=True,
    ),
    "provider_key_missing": Reason(
        Unsupported,
        Retry.NO,
        "The provider's API needs a key, and none is set.",
        "Set the variable that the message names, in the environment or in the env file.",
        local=True,
    ),
    "provider_refused": Reason(
        PermissionDenied,
        Retry.NO,
        "The provider's API does not take the key.",
        "Correct the key in the environment or in the env file.",
        local=True,
    ),
    "insecure_permissions": Reason(
        PermissionDenied,
        Retry.NO,
        "A directory or file that must be private can be used by others.",
        "Correct its owner and mode.",
        ("path",),
        local=True,
    ),
    "home_unusable": Reason(
        Unavailable,
        Retry.NO,
        "agentd's home directory cannot be made or written to.",
        "Set AGENTD_HOME to a directory that you can write to.",
        ("path",),
        local=True,
    ),
    "too_few_files": Reason(
        Unavailable,
        Retry.NO,
        "The system lets the daemon have too few files open to serve anybody.",
        "Raise the limit, with `ulimit -n 1200` say, and start the daemon again.",
        ("limit",),
        local=True,
    ),
    "socket_path_too_long": Reason(
        InvalidParams,
        Retry.NO,
        "The system does not take a socket address as long as the socket's path.",
        "Set AGENTD_SOCKET_PATH, or AGENTD_HOME, to a shorter path.",
        ("path", "limit"),
        local=True,
    ),
    "already_running": Reason(
        AlreadyExists,
        Retry.NO,
        "Another daemon serves this home directory.",
        "Use that one, or run `agentd stop` first.",
        ("pid",),
        local=True,
    ),
    "newer_schema": Reason(
        Unsupported,
        Retry.NO,
        "The database was written by a newer agentd.",
        "Install that version or a later one; the database was not touched.",
        ("have", "need"),
        local=True,
    ),
    "foreign_database": Reason(
        InvalidState,
        Retry.NO,
        "The database file belongs to another program, or is no database.",
        "Set AGENTD_DATABASE_URL to a file of agentd's own; this one was not touched.",
        local=True,
    ),
    "file_exists": Reason(
        InvalidState,
        Retry.NO,
        "The file to write to exists already.",
        "Name a file that does not exist.",
        ("path",),
        local=True,
    ),
    "daemon_unreachable": Reason(
        Unavailable,
        Retry.LATER,
        "No daemon answers on the socket.",
        "Start one with `agentd`, or set AGENTD_SOCKET_PATH to where it listens.",
        ("path",),
        local=True,
    ),
    "connection_lost": Reason(
        Unavailable,
        Retry.SAME,
        "The connection ended before the answer came; the request may have been carried out.",
        "Reconnect and send it again with the same idempotency_key.",
        local=True,
    ),
    "no_answer": Reason(
        Unavailable,
        Retry.SAME,
        "The answer did not come in the time that the caller gave it.",
        "Send it again with the same idempotency_key, or wait longer.",
        local=True,
    ),
    "unexpected_answer": Reason(
        InternalError,
        Retry.NO,
        "What came back is not what the contract promises; another program or version answers.",
        "Compare `agentd --version` with the `version` that Health returns.",
        local=True,
    ),
    "bug": Reason(
        InternalError,
        Retry.NO,
        "The daemon made a mistake. No traceback goes over the wire.",
        "Report it with the log lines of the incident named in data.incident.",
        ("incident",),
    ),
}


ERROR_CLASSES: Mapping[int, type[AgentdError]] = {
    reason.error.code: reason.error for reason in REASONS.values()
}
"""Code on the wire to exception class."""


def error_from_wire(error: Mapping[str, Any]) -> AgentdError:
    """The exception for a response's `error` member.

    A reason or code that this version does not know (a newer daemon's) still becomes an
    `AgentdError` that keeps everything that was sent.
    """
    sent = error.get("data")
    data = dict(sent) if isinstance(sent, Mapping) else {}
    reason = str(data.pop("reason", "unknown"))
    retry = data.pop("retry", None)
    hint = data.pop("hint", None)
    error_class = ERROR_CLASSES.get(error.get("code", 0), AgentdError)
    exception = error_class(reason, str(error.get("message", reason)), hint=hint)
    exception.data = data
    if retry in tuple(Retry):
        exception.retry = Retry(retry)
    return exception
