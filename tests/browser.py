"""A headless Chromium that a test talks to over a pipe (DevTools protocol): it can wait for what a page does later."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


class Navigated(Exception):
    """Another page has come while the one before was asked."""


class Browser:
    """One browser with one page. To be used in a `with` statement."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM
        read_ours, write_theirs = os.pipe()
        read_theirs, write_ours = os.pipe()
        options = (*OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={folder}", "--window-size=1200,900")
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{read_theirs} 4>&{write_theirs}', "bash", CHROMIUM, *options],
            pass_fds=(read_theirs, write_theirs),
            env={**os.environ, "HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_theirs)
        os.close(write_theirs)
        self.input, self.output = os.fdopen(write_ours, "wb", 0), os.fdopen(read_ours, "rb")
        self.count, self.session, self.left = 0, "", b""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.input.close()
        self.output.close()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its result; events in between are passed over."""
        self.count += 1
        message: dict[str, Any] = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.input.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self.read_message())
            if answer.get("id") == self.count:
                if "navigated" in answer.get("error", {}).get("message", ""):
                    raise Navigated
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found

    def read_message(self) -> bytes:
        while b"\0" not in self.left:
            more = os.read(self.output.fileno(), 65536)
            assert more, "the browser has gone"
            self.left += more
        message, _, self.left = self.left.partition(b"\0")
        return message

    def open(self, url: str) -> None:
        """Go to a page; `wait` says when it is there."""
        self.call("Page.navigate", url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, after the promise that it may be."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until a condition holds in the page, or in the one that comes meanwhile, for a minute at most in each."""
        loop = f"if ({condition}) done(true); else if (Date.now() > end) done(false); else setTimeout(look, 20);"
        script = f"new Promise(done => {{ const end = Date.now() + 60000; const look = () => {{ {loop} }}; look(); }})"
        try:
            assert self.evaluate(script), f"did not come true: {condition}"
        except Navigated:
            self.wait(condition)

    def screenshot(self, path: Path) -> None:
        """What one would see, as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
