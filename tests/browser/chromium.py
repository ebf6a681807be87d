"""A headless Chromium, driven over a pipe in its own protocol: no driver, no package, no port.

Commands and answers are JSON, each ended by a zero byte, on the descriptors 3 and 4 of the browser
(see `--remote-debugging-pipe`).
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.fakes.patience import PATIENCE_SECS

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_ONTO_3_AND_4: Final = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The browser reads on 3 and writes on 4; this puts two pipes there and becomes the browser."""
_READ_BYTES: Final = 1 << 20


def find_chromium() -> str | None:
    """The program, if one is installed."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@dataclass
class Chromium:
    """A running browser with one page."""

    process: subprocess.Popen[bytes]
    to_browser: int
    from_browser: int
    session: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    """What the page reported: requests, dialogs, console messages, exceptions."""
    _waiting: bytes = b""
    _sent: int = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command's result; events that come before it are kept."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") != self._sent:
                self.events.append(answer)
                continue
            if "error" in answer:
                raise AssertionError(f"{method}: {answer['error']}")
            result: dict[str, Any] = answer["result"]
            return result

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECS
        while b"\0" not in self._waiting:
            ready, _, _ = select.select([self.from_browser], [], [], deadline - time.monotonic())
            read = os.read(self.from_browser, _READ_BYTES) if ready else b""
            if not read:
                raise AssertionError("the browser does not answer")
            self._waiting += read
        message, _, self._waiting = self._waiting.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded

    def open_page(self) -> None:
        """Makes the page, and has it report what it does."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def show(
        self, file: Path, *, width: int, height: int = 900, dark: bool = False, scripts: bool = True
    ) -> None:
        """Loads a file as a window of that size shows it, and waits until it is there."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="screen", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call("Page.navigate", url=file.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """A picture of the window, or of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole))
        file.write_bytes(base64.b64decode(shot["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {**size, "x": 0, "y": 0, "scale": 1}}

    def pdf(self, file: Path) -> None:
        """The page as it is printed."""
        done = self.call("Page.printToPDF", printBackground=True)
        file.write_bytes(base64.b64decode(done["data"]))

    def requests(self) -> list[str]:
        """The addresses that the page asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def disturbances(self) -> list[str]:
        """Dialogs, console messages, exceptions and whatever the browser refused."""
        return [
            event["method"] + " " + json.dumps(event["params"])[:500]
            for event in self.events
            if event["method"]
            in (
                "Page.javascriptDialogOpening",
                "Runtime.consoleAPICalled",
                "Runtime.exceptionThrown",
                "Log.entryAdded",
            )
        ]


@contextmanager
def running_chromium(program: str, directory: Path) -> Iterator[Chromium]:
    """Starts a browser with a profile of its own, and ends it and everything that it started."""
    (commands, to_browser), (from_browser, answers) = os.pipe(), os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _ONTO_3_AND_4, str(commands), str(answers), program),
            *(*_FLAGS, f"--user-data-dir={directory}"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(commands, answers),
        start_new_session=True,
    )
    os.close(commands)
    os.close(answers)
    browser = Chromium(process, to_browser, from_browser)
    try:
        browser.open_page()
        yield browser
    finally:
        os.close(to_browser)
        os.close(from_browser)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE_SECS)
