"""A disk that is really full: refused without harm, and served again when there is room."""

from __future__ import annotations

import resource
import signal
from typing import Any

from tests.conftest import StartProcess
from tests.crash.test_kill import all_events, check_integrity
from tests.fakes.raw_client import BlockingRawClient

ROOM_BYTES = 600_000


def test_a_file_that_may_not_grow_is_a_full_disk(daemon_process: StartProcess) -> None:
    process = daemon_process()
    # The kernel refuses to let any file of the daemon grow further; it may not be killed for it.
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with BlockingRawClient(process.socket_path) as client:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (ROOM_BYTES, hard))
        answers: list[dict[str, Any]] = []
        while not answers or "result" in answers[-1]:
            answers.append(client.request("RegisterTask", goal="x" * 20_000))
            assert len(answers) < 1000, "the limit has no effect"
        error = answers.pop()["error"]
        assert (error["code"], error["data"]["reason"]) == (-32015, "disk_full")
        # Reads go on, and so does the daemon.
        assert client.call("Health")["status"] == "ok"
        assert len(all_events(client)) == len(answers)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        answers.append(client.request("RegisterTask", goal="there is room again"))
        assert len(all_events(client)) == len(answers)
    process.signal(signal.SIGKILL)
    process.wait()
    check_integrity(process.database_path)
    with BlockingRawClient(daemon_process().socket_path) as client:
        events = all_events(client)
        assert [event["task_id"] for event in events] == [
            answer["result"]["task_id"] for answer in answers
        ]
