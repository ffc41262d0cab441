#!/usr/bin/env python3
"""A mail server for tests, which keeps what it gets.

    mailbox.py LOG [--port N] [--cert FILE --key FILE] [--password P]

Prints "ready PORT" once it listens on 127.0.0.1. With a certificate it offers
STARTTLS, with a password it wants user "tracer" with that password, over TLS.
A recipient that begins with "gone" is refused with 550, with "busy" with 451.
Each mail becomes one line in LOG, a JSON object: from, to, tls, data.
"""
import argparse
import asyncio
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone"):
            return "550 5.1.1 no such user"
        if address.startswith("busy"):
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        log.write(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos,
                              "tls": session.ssl is not None,
                              "data": envelope.content.decode("utf-8", "replace")}) + "\n")
        log.flush()
        return "250 2.0.0 queued as 42"


def authenticate(server, session, envelope, mechanism, data):
    ok = data.login == b"tracer" and data.password == args.password.encode()
    return AuthResult(success=ok, handled=False)


async def main():
    context = None
    if args.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.cert, args.key)

    def factory():
        return SMTP(Handler(), hostname="mail.test", tls_context=context,
                    authenticator=authenticate if args.password else None,
                    auth_required=bool(args.password), loop=asyncio.get_running_loop())

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", args.port)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


parser = argparse.ArgumentParser()
parser.add_argument("log")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--password")
args = parser.parse_args()
log = open(args.log, "a")
asyncio.run(main())
