"""A stage without a network: a scripted Messages API on loopback, and real clients that talk to it.

Run inside a network namespace of its own: `unshare -rn python stage.py PLAN`. PLAN is a JSON file:
{"clients": [{"argv", "cwd", "env", "play", "key"}], "requests": FOLDER, "seconds": N, "together": BOOL}; `play` names a
function of plays.py, `key` tells the clients apart; `together` (may be absent): nobody gets an answer before all
have asked. Every request is kept as FOLDER/<n>.json {"key", "body"}; how the clients ended is printed as JSON, one
{"code", "out", "err"} each.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import plays

Json = dict[str, Any]
LONGEST_WAIT = 60.0  # seconds
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def bring_up_loopback() -> None:
    """`ip link set lo up`, without needing the program (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        (flags,) = struct.unpack_from("h", fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0)), 16)
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def events_of(block: Json) -> list[Json]:
    """One answer of the model, as the server-sent events of the Messages API."""
    usage = {"input_tokens": 10, "output_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    message = {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "model": "scripted"}
    if block["type"] == "tool_use":
        start = {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:24]}", "name": block["name"], "input": {}}
        delta: Json = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    else:
        start, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
    reason = "tool_use" if block["type"] == "tool_use" else "end_turn"
    empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    return [
        {"type": "message_start", "message": {**message, **empty}},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]


class Api(ThreadingHTTPServer):
    """Answers each client by its play; keeps every request."""

    daemon_threads = True

    def __init__(self, folder: Path, players: dict[str, str], together: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.players, self.count, self.counting = folder, players, 0, threading.Lock()
        self.missing = set(players) if together else set()
        self.all_here = threading.Event()

    def wait_for_all(self, key: str) -> None:
        """Until every client has asked its model something."""
        with self.counting:
            self.missing.discard(key)
            if not self.missing:
                self.all_here.set()
        self.all_here.wait(LONGEST_WAIT)

    def keep(self, key: str, body: Json) -> None:
        """The next request as a file."""
        with self.counting:
            self.count += 1
            number = self.count
        (self.folder / f"{number:03}.json").write_text(json.dumps({"key": key, "body": body}))


class Handler(BaseHTTPRequestHandler):
    """HEAD / and POST /v1/messages."""

    server: Api
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("x-api-key", "")
        if not self.path.startswith("/v1/messages") or "count_tokens" in self.path:
            self.send_error(404)
            return
        self.server.keep(key, body)
        play: Callable[[plays.Talk], Json] = getattr(plays, self.server.players[key])
        if body.get("tools"):
            self.server.wait_for_all(key)
        answer = play(plays.Talk(body)) if body.get("tools") else {"type": "text", "text": "a title"}
        if answer["type"] == "error":
            self.refuse(answer)
            return
        data = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events_of(answer)).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, answer: Json) -> None:
        """An error of the service, as the Messages API words it."""
        words = {"type": answer["error"], "message": answer["error"].partition("_")[0].capitalize()}
        data = json.dumps({"type": "error", "error": words}).encode()
        self.send_response(answer["status"])
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def start_client(client: Json, port: int) -> subprocess.Popen[str]:
    """A real client whose model is ours."""
    env = {**client["env"], "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}", "ANTHROPIC_API_KEY": client["key"]}
    return subprocess.Popen(
        client["argv"],
        cwd=client["cwd"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def main() -> None:
    """Play it."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    bring_up_loopback()
    api = Api(
        Path(plan["requests"]),
        {client["key"]: client["play"] for client in plan["clients"]},
        plan.get("together", False),
    )
    threading.Thread(target=api.serve_forever, daemon=True).start()
    running = [start_client(client, api.server_port) for client in plan["clients"]]
    ends = []
    for client in running:
        try:
            out, err = client.communicate(timeout=plan["seconds"])
        except subprocess.TimeoutExpired:
            client.kill()
            out, err = client.communicate()
            err += "\n(killed: out of time)"
        ends.append({"code": client.returncode, "out": out, "err": err})
    print(json.dumps(ends))


if __name__ == "__main__":
    main()
