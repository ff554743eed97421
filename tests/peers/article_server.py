"""A server that behaves on the wire like the one of a well-known tutorial on chatting with select; for tests.

    article_server.py PORT

Port 0 is any that is free; standard error tells which. Written anew, with the original's faults: see
article_client.py, and a second caller freezes it until somebody presses Enter.
"""

import socket
import sys

sys.dont_write_bytecode = True
from article_client import talk

with socket.create_server(("", int(sys.argv[1])), backlog=5) as listener:
    print("listening on 127.0.0.1:%d" % listener.getsockname()[1], file=sys.stderr, flush=True)
    while True:
        print("waiting for connection...", flush=True)
        client, address = listener.accept()
        with client:
            print("...connected from:", address, flush=True)
            talk(client, listener)
