#!/usr/bin/env python3
"""An HTTP server for tests that behaves as its URLs say.

    receiver.py LOG [--port N] [--cert FILE --key FILE]

Prints "ready PORT" once it listens on 127.0.0.1. The path tells what to do with
a request, its parts one after the other:

    /ok             200, "ok"
    /status/N       status N
    /delay/MS       wait before going on with the rest of the path
    /retry/SECONDS  429 with Retry-After: SECONDS
    /date/SECONDS   503 with Retry-After as a date that far ahead
    /drop           close the connection without an answer
    /reset          likewise, with RST
    /never          take the request and say nothing
    /cut            200, then half of the body that was announced
    /drip           200, then a byte of the body each 100 ms, for ever
    /garbage        bytes that are no HTTP
    /huge/N         200 with N bytes of body
    /redirect       302 to /redirected
    /echo           200 with the request's headers and body
    /flaky/N        500 for the first N requests with this key, then 200

Each request becomes one line in LOG as soon as it is complete, a JSON object:
at (Unix time), path, method, key (of a CloudEvent: its id), length, connection (its
number) and, with ?full at the end of the path, headers and body.
"""
import argparse
import asyncio
import json
import socket
import ssl
import struct
import sys
import time
from email.utils import formatdate

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"
seen = {}
connections = 0


class Receiver(asyncio.Protocol):
    def connection_made(self, transport):
        global connections
        connections += 1
        self.number = connections
        self.transport = transport
        self.buffer = b""

    def data_received(self, data):
        self.buffer += data
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end].decode("latin-1")
            length = 0
            lower = head.lower()
            at = lower.find("\ncontent-length:")
            if at >= 0:
                length = int(head[at + 16:].split("\r", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4:end + 4 + length]
            self.buffer = self.buffer[end + 4 + length:]
            self.request(head, lower, body)

    def request(self, head, lower, body):
        method, target, _ = head.split(" ", 2)
        # A CloudEvent's id comes first in what jsonb prints.
        key = ""
        at = body.find(b'"id": "')
        if at >= 0:
            key = body[at + 7:].split(b'"', 1)[0].decode("latin-1")
        entry = {"at": time.time(), "path": target, "method": method, "key": key,
                 "length": len(body), "connection": self.number}
        if target.endswith("?full"):
            entry["headers"] = head.split("\r\n")[1:]
            entry["body"] = body.decode("utf-8", "replace")
        log.write(json.dumps(entry) + "\n")
        log.flush()
        self.steps(target.split("?")[0].strip("/").split("/"), head, key, body)

    def steps(self, parts, head, key, body):
        what, arg = parts[0], parts[1] if len(parts) > 1 else "0"
        write = self.transport.write
        if self.transport.is_closing():
            return
        if what == "delay":
            asyncio.get_running_loop().call_later(int(arg) / 1000, self.steps, parts[2:] or ["ok"], head, key, body)
        elif what == "status":
            self.answer(int(arg), b"")
        elif what == "retry":
            self.answer(429, b"slow down", "Retry-After: " + arg)
        elif what == "date":
            self.answer(503, b"later", "Retry-After: " + formatdate(time.time() + int(arg), usegmt=True))
        elif what == "drop":
            self.transport.close()
        elif what == "reset":
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        elif what == "never":
            pass
        elif what == "cut":
            write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
            self.transport.close()
        elif what == "drip":
            write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            self.drip()
        elif what == "garbage":
            write(bytes(range(256)) * 16)
            self.transport.close()
        elif what == "huge":
            self.answer(200, b"y" * int(arg))
        elif what == "redirect":
            self.answer(302, b"", "Location: /redirected")
        elif what == "echo":
            self.answer(200, head.encode("latin-1") + b"\n" + body)
        elif what == "flaky":
            seen[key] = seen.get(key, 0) + 1
            self.answer(500 if seen[key] <= int(arg) else 200, b"")
        else:
            write(OK)

    def answer(self, status, body, header=None):
        self.transport.write(("HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n" % (
            status, len(body), header + "\r\n" if header else "")).encode("latin-1") + body)

    def drip(self):
        if not self.transport.is_closing():
            self.transport.write(b"z")
            asyncio.get_running_loop().call_later(0.1, self.drip)


async def main():
    context = None
    if args.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.cert, args.key)
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", args.port, ssl=context, backlog=1024)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


parser = argparse.ArgumentParser()
parser.add_argument("log")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--cert")
parser.add_argument("--key")
args = parser.parse_args()
log = open(args.log, "a", buffering=1 << 16)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(0)
