"""`git http-backend` behind Python's own web server, on loopback: what any web server with CGI does."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Server(ThreadingHTTPServer):
    """Many clients knock in the same moment."""

    request_queue_size = 256
    daemon_threads = True

    def __init__(self, root: Path, log: Path) -> None:
        self.root, self.log = root, log
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """One request is one run of the backend."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.body())

    def body(self) -> bytes:
        """git sends what is large in chunks."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self, body: bytes) -> None:
        backend = subprocess.run(["git", "http-backend"], input=body, env=self.environment(body), capture_output=True)
        head, _, content = backend.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(":") for line in head.decode("latin-1").splitlines()]
        status = next((value for name, _, value in fields if name == "Status"), "200" if fields else "500")
        self.send_response(int(status.split()[0]))
        for name, _, value in fields:
            if name != "Status":
                self.send_header(name, value.strip())
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def environment(self, body: bytes) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        wanted = {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH": os.environ["PATH"],
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": self.client_address[0],
        }
        return {name: value for name, value in wanted.items() if value}

    def log_message(self, format: str, *args: object) -> None:
        with self.server.log.open("a", encoding="utf-8") as log:
            log.write(f"{format % args}\n")


@contextmanager
def serve(root: Path, log: Path) -> Iterator[int]:
    """Serves the bare repositories below `root`; gives the port. A line per request goes to `log`."""
    with Server(root, log) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
