"""A headless Chromium, spoken to by the DevTools protocol over a pipe: no driver, no package.

https://chromedevtools.github.io/devtools-protocol; messages are JSON, each ended by a zero byte.
"""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome")
COMPLAINTS = {
    "Runtime.exceptionThrown": lambda said: said["exceptionDetails"],
    "Runtime.consoleAPICalled": lambda said: said["args"] if said["type"] in ("error", "assert") else None,
    "Log.entryAdded": lambda said: said["entry"] if said["entry"]["level"] == "error" else None,
}
"""Events by which a page complains, and their complaint; None where an event is none."""


def found() -> str | None:
    """The browser of this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A browser with one page, and what the page complained of.

    Args:
        profile: an empty folder that it may fill.
    """

    def __init__(self, profile: Path, width: int = 1600, height: int = 1000):
        self.complaints: list[Any] = []
        self.requests: list[str] = []
        self._read, write_there = os.pipe()
        read_there, self._write = os.pipe()
        self._session, self._buffer, self._numbers = None, b"", itertools.count(1)
        arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
        ]
        arguments += [f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"]
        # The browser reads from descriptor 3 and writes to 4, which may be what the pipes are called here.
        theirs = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in (read_there, write_there)]
        command = ["bash", "-c", 'exec "${@:3}" 3<&"$1" 4>&"$2"', "bash", *map(str, theirs), found(), *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=theirs, **quiet)
        for descriptor in (read_there, write_there, *theirs):
            os.close(descriptor)
        page = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command; what the page says meanwhile is kept."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": number, "method": method, "params": parameters} | session
        self._send(json.dumps(message).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]

    def open(self, url: str) -> None:
        """Goes to a page and waits for all of it."""
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript, of a promise what it becomes."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, condition: str, seconds: float = 30) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < end, f"not within {seconds} seconds: {condition}"
            time.sleep(0.05)

    def screenshot(self) -> bytes:
        """What is to be seen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def _send(self, content: bytes) -> None:
        while content:  # a pipe takes as much as it has room for
            content = content[os.write(self._write, content) :]

    def _next(self, seconds: float = 60) -> dict[str, Any]:
        """The next message of the browser."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], seconds)
            assert ready, f"the browser has said nothing for {seconds} seconds"
            piece = os.read(self._read, 1 << 20)
            assert piece, "the browser has ended"
            self._buffer += piece
        first, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(first)
        name, said = message.get("method"), message.get("params")
        if name == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"][:200])
        complaint = COMPLAINTS[name](said) if name in COMPLAINTS else None
        if complaint:
            self.complaints.append(complaint)
        return message
