"""The program `agentd-hook`: reads, answers, and ends on purpose whatever happens.

A vendor's program lets a write through when its hook crashes, hangs or answers nonsense. So every
way out of here is an answer: an error before a tool ends with the exit code that stops the tool and
says why, unless the policy is another one; at any other moment it is a line on standard error,
because stopping a session's end or start would help nobody.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType
from typing import Final, NoReturn

from agentd.hook.answers import REFUSED_STATUS, Answer, no_opinion, refuse_in_trouble
from agentd.hook.call import Visit, answer
from agentd.hook.dialects import Moment
from agentd.hook.ending import HookTrouble, NoDaemon, Overdue
from agentd.hook.kin import client
from agentd.hook.options import USAGE, BadUsage, Options, Policy, read_options
from agentd.hook.payload import PAYLOAD_BYTES_MAX, BadPayload, Payload, read_payload
from agentd.hook.refusal import unanswered, unguarded
from agentd.hook.tool_calls import UnreadableCall

SECS_MAX: Final = 0.9
"""The whole call; what is left of a second is for starting and ending the interpreter."""
DAEMON_SECS_MAX: Final = 0.75
"""How long the daemon is waited for, so that there is time left to say so."""


def main() -> NoReturn:
    """The entry point of `agentd-hook`."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        _end(Answer(stdout=USAGE))
    try:
        options = read_options(arguments, os.environ)
    except BadUsage as error:
        _end(Answer(stderr=f"agentd-hook: {error}\n{USAGE}", status=REFUSED_STATUS))
    try:
        said = _answered(options)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Overdue as error:  # In the middle of answering otherwise.
        said = _in_trouble(options, None, str(error))
    _end(said)


def _answered(options: Options) -> Answer:
    deadline = time.monotonic() + DAEMON_SECS_MAX
    signal.signal(signal.SIGALRM, _overdue)
    signal.setitimer(signal.ITIMER_REAL, SECS_MAX)
    payload: Payload | None = None
    try:
        payload = read_payload(options.dialect, sys.stdin.buffer.read(PAYLOAD_BYTES_MAX + 1))
        visit = Visit(
            options,
            payload,
            search_path=os.environ.get("PATH", os.defpath),
            deadline=deadline,
            now=time.time(),
            client=client(),
        )
        return answer(visit)
    except NoDaemon as error:
        return _without_daemon(options, payload, str(error))
    except (HookTrouble, BadPayload, UnreadableCall) as error:
        return _in_trouble(options, payload, str(error))
    except BaseException as error:
        said = _in_trouble(options, payload, f"the hook failed: {_in_words(error)}")
        _end(said)
        raise


def _in_words(error: BaseException) -> str:
    """What went wrong; of what the system refuses, what it refuses and where."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror}"
    return repr(error)


def _overdue(number: int, frame: FrameType | None) -> NoReturn:
    raise Overdue(f"the hook could not get an answer within {SECS_MAX} s")


def _without_daemon(options: Options, payload: Payload | None, why: str) -> Answer:
    if options.policy is Policy.STRICT:
        return _in_trouble(options, payload, f"{why}, and the policy is strict")
    before_tool = payload is not None and payload.moment is Moment.TOOL_STARTS
    return no_opinion(
        options.dialect,
        before_tool=before_tool,
        notice=unguarded(f"{why} (start it with `agentd`)"),
    )


def _in_trouble(options: Options, payload: Payload | None, why: str) -> Answer:
    before_tool = payload is None or payload.moment is Moment.TOOL_STARTS
    if options.policy is Policy.ADVISORY or not before_tool:
        return no_opinion(options.dialect, before_tool=before_tool, notice=unguarded(why))
    return refuse_in_trouble(options.dialect, unanswered(why))


def _end(said: Answer) -> NoReturn:
    """Writes an answer and ends, past everything that could change the exit code."""
    _write(2, said.stderr)
    written = _write(1, said.stdout)
    os._exit(said.status if written else REFUSED_STATUS)


def _write(descriptor: int, text: str) -> bool:
    """Whether all of it could be written."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        return False
    return True
