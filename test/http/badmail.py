#!/usr/bin/env python3
"""A mail server for tests that behaves as the path of its URL says.

    badmail.py LOG

Prints "ready PORT" once it listens on 127.0.0.1. libcurl says the path in EHLO:

    ok              takes the mail
    stall-ehlo      says nothing after EHLO
    stall-data      nor after DATA
    stall-quit      takes the mail, and says nothing to QUIT
    slow/MS         waits so long before it takes the mail
    drop-data       closes the connection after DATA
    drop-end        closes it when it has the text
    refuse          554 when it has the text
    leave           421 after DATA, and closes

A recipient that begins with "gone" is refused with 550, with "busy" with 451.
Each mail that is taken becomes one line in LOG, a JSON object: at, path, data.
"""
import json
import socket
import sys
import threading
import time

log = open(sys.argv[1], "a")


def serve(client):
    lines = client.makefile("rwb", buffering=0)
    path = ""

    def say(words):
        lines.write(words.encode() + b"\r\n")

    say("220 mail.test")
    while True:
        line = lines.readline().decode("latin-1").strip()
        verb = line[:4].upper()
        if verb == "":
            return
        elif verb == "EHLO":
            path = line[5:]
            if path == "stall-ehlo":
                time.sleep(60)
            say("250-mail.test\r\n250 SIZE 1000000")
        elif verb == "RCPT":
            say("550 gone" if "<gone" in line else "451 busy" if "<busy" in line else "250 ok")
        elif verb == "DATA":
            if path == "stall-data":
                time.sleep(60)
            if path == "leave":
                say("421 leaving")
            if path in ("leave", "drop-data"):
                return client.shutdown(socket.SHUT_RDWR)
            say("354 go on")
            data = b""
            while not data.endswith(b"\r\n.\r\n"):
                more = lines.readline()
                if more == b"":
                    return
                data += more
            if path == "drop-end":
                return client.shutdown(socket.SHUT_RDWR)
            if path == "refuse":
                say("554 spam")
                continue
            if path.startswith("slow/"):
                time.sleep(int(path[5:]) / 1000)
            log.write(json.dumps({"at": time.time(), "path": path, "data": data.decode("latin-1")}) + "\n")
            log.flush()
            say("250-taken\r\n250 as 7")
        elif verb == "QUIT":
            if path == "stall-quit":
                time.sleep(60)
            say("221 bye")
            return
        else:
            say("250 ok")


def run(client):
    try:
        serve(client)
    except OSError:
        pass
    client.close()


server = socket.create_server(("127.0.0.1", 0), backlog=128)
print("ready", server.getsockname()[1], flush=True)
while True:
    threading.Thread(target=run, args=(server.accept()[0],), daemon=True).start()
