"""Stands in for a program where others start it: hands its streams to a forked one, and waits.

Started by its path, without the site packages: it is all that such a start costs.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys


def main() -> None:
    """Ends as the forked command does, and hands on the signals that would end it."""
    reading, writing = os.pipe()
    descriptors = [writing, 0, 1, 2]
    if sys.argv[2] == "agentd.client.leashed":
        descriptors.append(int(sys.argv[-1]))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        request = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * len(request))
        connection.connect(sys.argv[1])
        socket.send_fds(connection, [request], descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    with open(reading, encoding="ascii") as ended:
        command = int(ended.readline())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda given, frame: os.kill(command, given))
        status = int(ended.readline())
    os._exit(os.waitstatus_to_exitcode(status) % 256)


if __name__ == "__main__":
    main()
