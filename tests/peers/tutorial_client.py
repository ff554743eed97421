"""A client for tests that behaves on the wire like the one of the php.cn tutorial (2018).

    tutorial_client.py PORT

Written from scratch, with the faults of the original: it takes what one recv returns for one message, and the end of
the keyboard input is an exception. Unlike the original, it shows no prompt and does not spin after the peer has gone.
"""

import os
import select
import socket
import sys
import time

KEYBOARD = 0


def typed_line():
    """Reads byte by byte, because select does not see lines in a buffer."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(KEYBOARD, 1)
        if not byte:
            raise EOFError("the keyboard input has ended")
        line += byte
    return line[:-1]


def talk(peer, *others):
    """Talks until one side says 88. Takes everything ready except the peer for the keyboard."""
    while True:
        for ready in select.select([peer, KEYBOARD, *others], [], [])[0]:
            if ready is peer:
                message = peer.recv(1024)
                print(message.decode(errors="replace") or "the peer has gone", flush=True)
                if not message:
                    sys.exit(3)
            else:
                message = typed_line()
                peer.send(message if message == b"88" else b"[%s] %s" % (time.ctime().encode(), message))
            if message == b"88":
                return


if __name__ == "__main__":
    with socket.socket() as server:
        server.connect(("localhost", int(sys.argv[1])))
        talk(server)
