"""Chats over TLS, as anybody would write it: sends what it reads, prints what arrives."""

import os
import select
import socket
import ssl
import sys

port, authority = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=authority)
with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1") as tls:
    sources = [tls, 0]
    while True:
        ready = [tls] if tls.pending() else select.select(sources, [], [])[0]
        if tls in ready:
            data = tls.recv(65536)
            if not data:
                break
            os.write(1, data)
        if 0 in ready:
            data = os.read(0, 65536)
            if data:
                tls.sendall(data)
            else:
                sources.remove(0)
