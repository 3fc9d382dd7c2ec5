"""A mail server on the loopback interface that keeps what it is sent: as much of SMTP as one message needs."""

import email
import email.policy
import socketserver
import threading
from contextlib import contextmanager


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 test\r\n")
        envelope = {"to": []}
        while line := self.rfile.readline():
            command = line[:4].upper()
            if command == b"MAIL":
                envelope["from"] = line.decode().split("<")[1].split(">")[0]
            elif command == b"RCPT":
                envelope["to"].append(line.decode().split("<")[1].split(">")[0])
            elif command == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b"".join(iter(self.rfile.readline, b".\r\n"))
                message = email.message_from_bytes(body, policy=email.policy.default)
                self.server.received.append((envelope, message))
            elif command == b"QUIT":
                break
            self.wfile.write(b"250 ok\r\n")


@contextmanager
def mail_server():
    """Run a server; yields its port and the list of what it received: envelope and message."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session) as server:
        server.daemon_threads = True
        server.received = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1], server.received
        finally:
            server.shutdown()
            thread.join()
