"""Lambda's Runtime API on loopback, and the real runtime client that runs a package against it."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")


class Runtime:
    """A function that is started once and invoked as often as one likes, for as long as the `with` block lasts.

    root: the unzipped package. client: a folder with awslambdaric for `python`; without, this Python's own is used.
    ready: seconds from the start of the process to the first question for work.
    """

    def __init__(
        self, root: Path, folder: Path, environment: dict[str, str], *, python: str = sys.executable,
        client: Path | None = None,
    ) -> None:  # fmt: skip
        self.root, self.folder, self.environment, self.python = root, folder, environment, python
        self.client = client or _client(folder / "ric")
        self.ready = 0.0
        self._began = 0.0
        self._work: queue.Queue[tuple[str, bytes, float] | None] = queue.Queue()
        self._results: queue.Queue[tuple[bool, Any]] = queue.Queue()
        self._number = 0
        self._idle = threading.Event()

    def __enter__(self) -> Self:
        runtime = self

        class Api(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                runtime.ready = runtime.ready or time.monotonic() - runtime._began
                runtime._idle.set()
                work = runtime._work.get()
                if work is None:
                    self.close_connection = True
                    return
                name, body, seconds = work
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": name,
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:auditor",
                    "Content-Type": "application/json",
                }
                self._answer(200, headers, body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(202, {}, b'{"status":"OK"}')
                runtime._results.put((self.path.endswith("/response"), json.loads(body)))

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A function that is ended hangs up: nothing to tell."""

        self._server = Server(("127.0.0.1", 0), Api)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join((str(self.root), str(self.client))),
            "LAMBDA_TASK_ROOT": str(self.root),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "auditor",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": "us-east-1",
            "PYTHONDONTWRITEBYTECODE": "1",  # where the package lies nothing can be written
            **self.environment,
        }
        self.log = self.folder / "function.log"
        self._began = time.monotonic()
        with self.log.open("wb") as log:
            # -S: nothing of this Python's own packages helps the function.
            self.process = subprocess.Popen(
                [self.python, "-S", "-m", "awslambdaric", "auditor.lambda_handler.handler"],
                cwd=self.root, env=environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return self

    def wait(self) -> float:
        """Wait until the function asks for work, and give the seconds that it took."""
        while not self._idle.wait(0.05):
            if self.process.poll() is not None:
                raise RuntimeError(f"the function ended: {self.log.read_text()[-2_000:]}")
        return self.ready

    def cpu(self) -> float:
        """The seconds of processor time that the function has taken so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def invoke(self, event: Any, *, seconds: float = 300.0, request_id: str | None = None) -> tuple[bool, Any]:
        """Invoke the function: whether it succeeded, and what it returned, or its error."""
        self.wait()
        self._number += 1
        self._work.put((request_id or f"request-{self._number}", json.dumps(event).encode(), seconds))
        while True:
            try:
                return self._results.get(timeout=0.2)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise RuntimeError(f"the function ended: {self.log.read_text()[-2_000:]}") from None

    def lines(self) -> list[dict[str, Any]]:
        """What the function has logged, each line as the JSON object that it is."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._work.put(None)
        self._server.shutdown()
        self._server.server_close()


def _client(folder: Path) -> Path:
    """A folder with the runtime client and nothing else of this Python's packages."""
    for name in CLIENT:
        for file in distribution(name).files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    return folder
