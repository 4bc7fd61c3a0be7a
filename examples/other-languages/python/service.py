"""A service in Python that takes part without a library: it answers HTTP, and logs each step of a request as a line."""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request as Call, urlopen

from lifecycle import Request

NEXT_URL = os.environ.get("NEXT_URL", "")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        request = Request(self.headers, self.command, self.path)
        if self.headers["authorization"] != "Bearer sesame":
            request.enter("AUTH_ERROR", "Failed", outcome="denied", status=401)
            return self.answer(request, 401, b"who are you?\n")
        request.enter("AUTH_OK", "Authenticated")
        request.enter("PROCESS", "Processing")
        status, body, ending = 200, b"12.50\n", {"outcome": "ok"}
        try:
            if NEXT_URL:
                with urlopen(Call(NEXT_URL + self.path, headers=request.headers()), timeout=5) as response:
                    body = response.read()
        except Exception as error:
            status, body = 502, b"no price\n"
            ending = {"outcome": "error", "error": {"type": type(error).__name__[:64], "message": str(error)[:400]}}
        try:
            self.answer(request, status, body)
        except OSError:
            ending = {"outcome": "aborted"}
        request.enter("RESPOND", "Responded", status=status, **ending)

    def answer(self, request, status, body):
        self.send_response(status)
        self.send_header("x-trace-id", request.trace_id)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Standard output is for lines of JSON alone."""


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Handler)
print(f"listening on {server.server_port}", file=sys.stderr, flush=True)
server.serve_forever()
