"""A headless Chromium, spoken to over the DevTools protocol: just what the page's tests need."""

from __future__ import annotations

import base64
import io
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import websocket
from PIL import Image

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",  # WebGL in software
    "--disable-renderer-backgrounding",  # keep making frames beside other tests
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)
TIMEOUT = 300.0  # seconds that one answer may take; software rendering beside other tests is slow
PICTURE = 60.0  # seconds after which a tab that still owes a picture has stopped making any

# Notes when the verdicts are laid out to their end, that is when the next section begins; then goes
# to the first figure and notes the first frame after the one in which it was drawn.
_FIRST_VIEW = """
window.seen = {};
function look() {
  const next = document.querySelector("#verdicts + section"), plot = document.querySelector(".plot[id]");
  if (!("verdicts" in seen) && next && document.getElementById("verdicts").offsetHeight > 0) seen.verdicts = performance.now();
  if ("verdicts" in seen && typeof drawn !== "undefined" && plot) {
    if (!plot.querySelector(".main-svg")) { if (Math.abs(plot.getBoundingClientRect().top) > 400) plot.scrollIntoView({ block: "center" }); }
    else { requestAnimationFrame(() => setTimeout(() => { seen.figure = performance.now(); })); return; }
  }
  setTimeout(look, 10);
}
look();
"""


class Stuck(Exception):
    """The browser has stopped making frames: a new one is needed, since nothing revives it."""


def find() -> str | None:
    """The browser's path, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Page:
    """One tab. Every console message, exception and request since it was opened is kept."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=TIMEOUT)
        self._ids = itertools.count(1)
        self.complaints: list[str] = []  # errors, warnings and exceptions of scripts, dialogs
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Page:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def call(self, method: str, *, patience: float = TIMEOUT, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer, noting events on the way."""
        self._socket.settimeout(patience)
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        match event:
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                what = details.get("exception", {}).get("description", details["text"])
                self.complaints.append(f"exception: {what}")
            case {"method": "Runtime.consoleAPICalled", "params": {"type": kind, "args": args}}:
                if kind in ("error", "warning", "assert"):
                    said = " ".join(str(arg.get("value", arg.get("description"))) for arg in args)
                    self.complaints.append(f"{kind}: {said}")
            case {"method": "Log.entryAdded", "params": {"entry": entry}}:
                if entry["level"] == "error":  # its warnings are about the speed of the driver
                    self.complaints.append(f"log: {entry['text']}")
            case {"method": "Page.javascriptDialogOpening", "params": {"message": message}}:
                self.complaints.append(f"dialog: {message}")
            case {"method": "Network.requestWillBeSent", "params": {"request": request}}:
                self.requests.append(request["url"])

    def forget(self) -> None:
        """Start a new list of complaints and requests."""
        self.complaints, self.requests = [], []

    def open(
        self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> float:
        """Open a file, and return the seconds until its first paint."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.readyState === 'complete'")
        self.wait("performance.getEntriesByName('first-contentful-paint').length > 0")
        paint = self.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
        )
        return float(paint)

    def first_view(self, path: Path) -> tuple[float, float]:
        """Open a file: the seconds until its verdicts are laid out, and until its first figure,
        scrolled to as soon as it is there, is painted.
        """
        noting = self.call("Page.addScriptToEvaluateOnNewDocument", source=_FIRST_VIEW)
        try:
            self.open(path)
            self._nudged("'figure' in (window.seen ?? {})")
        finally:
            self.call("Page.removeScriptToEvaluateOnNewDocument", identifier=noting["identifier"])
        verdicts, figure = self.evaluate("[seen.verdicts, seen.figure]")
        return verdicts / 1000, figure / 1000

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + TIMEOUT
        while not self.evaluate(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"waited {TIMEOUT:.0f} s for: {condition}")
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until two frames have been painted, and no figure waits to be drawn.

        An idle headless tab on a busy machine may stop making frames, whereupon no callback comes
        until something asks for a picture: so a picture of one pixel is asked for now and then.
        """
        self.evaluate(
            "window.settled = false; requestAnimationFrame("
            "() => requestAnimationFrame(() => { window.settled = true; })); 0"
        )
        self._nudged("window.settled && (typeof waiting === 'undefined' || !waiting.length)")

    def _nudged(self, condition: str) -> None:
        """Wait for what comes with frames only."""
        end = time.monotonic() + TIMEOUT
        nudge = time.monotonic() + 1.0
        while not self.evaluate(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"no frames in {TIMEOUT:.0f} s for: {condition}")
            if time.monotonic() > nudge:
                self.screenshot((0, 0, 1, 1))
                nudge = time.monotonic() + 1.0
            time.sleep(0.01)

    def draw_all(self) -> None:
        """Scroll through the page, so that every figure is drawn."""
        self.evaluate(
            "(async () => { for (let y = 0; y < document.body.scrollHeight; y += 500) {"
            " window.scrollTo(0, y); await new Promise(f => setTimeout(f, 60)); }"
            " window.scrollTo(0, 0); })()"
        )
        self.settle()

    def screenshot(self, box: tuple[float, float, float, float] | None = None) -> Image.Image:
        """The page, or the (x, y, width, height) of it, as an RGB image."""
        clip = {}
        if box is not None:
            x, y, width, height = box
            clip = {"clip": {"x": x, "y": y, "width": width, "height": height, "scale": 1}}
        png = self._capture(captureBeyondViewport=True, **clip)
        return Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")

    def _capture(self, **parameters: Any) -> str:
        try:
            answer = self.call("Page.captureScreenshot", patience=PICTURE, **parameters)
        except websocket.WebSocketTimeoutException:
            raise Stuck(f"no picture in {PICTURE:.0f} s") from None
        return str(answer["data"])

    def full_screenshot(self) -> Image.Image:
        """The whole page from top to bottom."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return self.screenshot((0, 0, size["width"], size["height"]))

    def print_pdf(self) -> bytes:
        """The page as it prints."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def box(self, selector: str, index: int = 0) -> tuple[float, float, float, float]:
        """Where an element lies on the page: x, y, width, height."""
        x, y, width, height = self.evaluate(
            f"(b => [b.x + scrollX, b.y + scrollY, b.width, b.height])"
            f"(document.querySelectorAll({json.dumps(selector)})[{index}].getBoundingClientRect())"
        )
        return x, y, width, height


class Browser:
    """A running browser and its one tab; another takes its place after `restart`."""

    def __init__(self, profile: Callable[[], Path]) -> None:
        self._profile = profile
        self._running = ExitStack()
        self.page = self._start()

    def _start(self) -> Page:
        address = self._running.enter_context(_running(self._profile()))
        return self._running.enter_context(Page(address))

    def restart(self) -> None:
        """Stop it, and start one that knows nothing of the old."""
        self.close()
        self.page = self._start()

    def close(self) -> None:
        """Stop it."""
        self._running.close()


@contextmanager
def _running(profile: Path) -> Iterator[str]:
    """A running browser with a fresh profile: the address of its first tab's socket."""
    path = find()
    assert path is not None, "no Chromium here"
    process = subprocess.Popen(
        [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _socket_of_first_tab(profile / "DevToolsActivePort", process)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _socket_of_first_tab(note: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        lines = note.read_text().split() if note.is_file() else []
        if len(lines) == 2:
            connection = websocket.create_connection(
                f"ws://127.0.0.1:{lines[0]}{lines[1]}", timeout=TIMEOUT
            )
            connection.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
            targets = json.loads(connection.recv())["result"]["targetInfos"]
            connection.close()
            tabs = [target for target in targets if target["type"] == "page"]
            if tabs:
                return f"ws://127.0.0.1:{lines[0]}/devtools/page/{tabs[0]['targetId']}"
        time.sleep(0.1)
    raise RuntimeError("Chromium did not start")
