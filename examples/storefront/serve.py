#!/usr/bin/env python3
"""A shop's own server, as small as it can be: the demo page, and the three ways that lead to Offerstream.

    offerstream demo --port 9464 &          # it has offers, and hears of nothing; `run` with http.events = true does
    examples/storefront/serve.py            # http://127.0.0.1:8080

The secret token stays here: a browser asks its shop, and the shop asks Offerstream.
"""

import json
import os
import urllib.error
import urllib.request
from datetime import datetime, timezone
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OFFERSTREAM = os.environ.get("OFFERSTREAM_URL", "http://127.0.0.1:9464")
TOKEN = os.environ.get("OFFERSTREAM_TOKEN", "")
FROM_BROWSERS = {"offer_shown", "offer_clicked", "offer_dismissed"}
BODY_BYTES_MAX = 64 * 1024


def ask(path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Asks Offerstream; its status and its answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {TOKEN}"} if TOKEN else {})
    request = urllib.request.Request(OFFERSTREAM + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 503, b"{}"


class Shop(SimpleHTTPRequestHandler):
    """The shop."""

    def do_GET(self) -> None:
        if self.path.startswith("/offers?"):
            self.answer(*ask("/v1" + self.path))
        else:
            super().do_GET()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        try:
            told = json.loads(self.rfile.read(length)) if length <= BODY_BYTES_MAX else None
        except ValueError:
            told = None
        if not isinstance(told, dict):
            self.answer(400, b"{}")
        elif self.path == "/events" and told.get("type") in FROM_BROWSERS:
            self.answer(*ask("/v1/events", json.dumps(told).encode()))
        elif self.path == "/add":
            # A shop puts the item into the basket of the session that its cookie names, and says so on the bus.
            event = {"type": "cart_add", "ts": datetime.now(timezone.utc).isoformat(), "session_id": "demo-1"}
            self.answer(*ask("/v1/events", json.dumps(event | {key: told.get(key) for key in ("item_id", "offer_token")}).encode()))
        else:
            self.answer(404, b"{}")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    os.chdir(Path(__file__).parent)
    print("http://127.0.0.1:8080")
    ThreadingHTTPServer(("127.0.0.1", 8080), Shop).serve_forever()
