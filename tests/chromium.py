"""Drives a headless Chromium by the DevTools protocol, over a pipe: no driver, no port, no library.

https://chromedevtools.github.io/devtools-protocol/ lists the methods.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

NEEDED = pytest.mark.skipif(
    PROGRAM is None and not os.environ.get("CI"), reason="needs chromium: apt-get install chromium"
)
"""Marks tests that need the browser. Where CI is set they fail without it, and do not skip."""

_KEYS = {
    "ArrowRight": 39, "ArrowLeft": 37, "ArrowUp": 38, "ArrowDown": 40, "Enter": 13, "Escape": 27,
    "Tab": 9, "+": 187, "-": 189, "0": 48, "]": 221, "[": 219,
}  # fmt: skip


class Page:
    """One page of a browser of its own."""

    def __init__(self, process, to_browser, from_browser):
        self._process = process
        self._to, self._from = to_browser, from_browser
        self._buffer = b""
        self._number = 0
        self._session = None
        self.errors = []
        self.requests = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """The result of a method; events that arrive before it are noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def _read(self):
        while b"\0" not in self._buffer:
            piece = os.read(self._from, 1 << 20)
            if not piece:
                raise RuntimeError("the browser closed its pipe")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def _note(self, event):
        given = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif event.get("method") == "Log.entryAdded":
            if given["entry"]["level"] in ("error", "warning"):
                self.errors.append(given["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled":
            if given["type"] in ("error", "warning"):
                self.errors.append(str(given["args"]))
        elif event.get("method") == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])

    def size(self, width, height, *, dark=False, phone=False):
        """Set the size of the window in CSS pixels, and the preferred colours."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path):
        """Load a file and wait until the page says that it is ready."""
        self.call("Page.navigate", url=Path(path).absolute().as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, expression):
        """The value of a JavaScript expression, awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def wait(self, condition, seconds=30):
        """Wait in the page, frame by frame, until a JavaScript expression is true."""
        self.run(
            f"""new Promise((found, failed) => {{
              const until = performance.now() + {1000 * seconds};
              const look = () => ({condition}) ? found(true)
                : performance.now() > until ? failed(new Error({json.dumps(condition)}))
                : setTimeout(look, 10);
              look();
            }})"""
        )

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def tap(self, x, y):
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, key):
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind, key=key, windowsVirtualKeyCode=_KEYS[key],
                **({"text": text} if text and kind == "keyDown" else {}),
            )  # fmt: skip

    def screenshot(self, file, *, whole=False):
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(file).write_bytes(base64.b64decode(answer["data"]))


@contextlib.contextmanager
def browser():
    """A page of a headless Chromium, which ends with the block."""
    if PROGRAM is None:
        raise FileNotFoundError("there is no chromium; install it, or unset CI to skip these tests")
    read_by_it, to_browser = os.pipe()
    from_browser, written_by_it = os.pipe()

    def take_pipes():
        # The browser reads from descriptor 3 and writes to 4. Duplicates first: they may be these.
        read, written = os.dup(read_by_it), os.dup(written_by_it)
        os.dup2(read, 3)
        os.dup2(written, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                PROGRAM, "--headless=new", "--remote-debugging-pipe", "--no-first-run",
                "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--disable-background-networking", f"--user-data-dir={profile}",
            ],
            pass_fds=(3, 4, read_by_it, written_by_it), preexec_fn=take_pipes,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read_by_it)
        os.close(written_by_it)
        try:
            yield Page(process, to_browser, from_browser)
        finally:
            os.close(to_browser)  # at the end of its input, the browser ends
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(from_browser)
