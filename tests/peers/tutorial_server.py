"""A server for tests that behaves on the wire like the one of the php.cn tutorial (2018).

    tutorial_server.py PORT

Port 0 is any free port; standard error says which. Written from scratch, with the faults of the original: those of
tutorial_client.py, and a second caller freezes it until somebody presses Enter.
"""

import socket
import sys

sys.dont_write_bytecode = True
from tutorial_client import talk

with socket.create_server(("", int(sys.argv[1])), backlog=5) as listener:
    print("listening on 127.0.0.1:%d" % listener.getsockname()[1], file=sys.stderr, flush=True)
    while True:
        print("waiting for connection...", flush=True)
        client, address = listener.accept()
        with client:
            print("...connected from:", address, flush=True)
            talk(client, listener)
