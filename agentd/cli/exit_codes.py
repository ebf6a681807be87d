"""What the commands' exit codes mean; scripts rely on them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    """Done; for `review`: every bundle merges."""
    FAILED = 1
    """Something went wrong; the message says what and what to do."""
    USAGE = 2
    """The command line is wrong."""
    NO_DAEMON = 3
    """The command needs the daemon, and none answers."""
    NOT_ALL_MERGE = 10
    """`review`: at least one bundle does not merge."""
    SOMEBODY_MEETS = 10
    """`watch --once`: somebody is in somebody's way; `check`: softly, on other lines of a file."""
    NOT_ALL_GUARDED = 10
    """`doctor`: an agent that is installed may write what somebody else has locked; `guard status`:
    the guard is not in all hooks, or not as it would be installed now."""
    SOMETHING_REFUSED = 10
    """`run`: the agent ended well, but something that it tried was not allowed."""
    LINES_MEET = 11
    """`check`: the caller's changed lines meet somebody else's, or a name breaks."""
    LOCKED = 12
    """`check`: somebody else holds an exclusive lock."""
    INTERRUPTED = 130
    """Ctrl-C."""
