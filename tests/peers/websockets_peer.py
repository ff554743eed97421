"""Joins a hub as a page does, with Python's websockets (version 10 or newer).

websockets_peer.py URL TICKET [AUTHORITY]
"""

import asyncio
import ssl
import sys

import websockets


def connect(url, authority):
    # The newer versions do not accept ssl=None.
    options = {"ssl": ssl.create_default_context(cafile=authority)} if authority else {}
    return websockets.connect(url, **options)


async def hears(ws, begin, end=""):
    while True:
        message = await ws.recv()
        if message.startswith(begin) and message.endswith(end):
            return message


async def is_closed(ws):
    """How the hub closes, and why."""
    try:
        while True:
            await ws.recv()
    except websockets.ConnectionClosed as closed:
        return f"closed with {closed.rcvd.code} {closed.rcvd.reason}"


async def joins(ws, ticket, name):
    await ws.send(f"threadchat 1\nticket {ticket}\nname {name}\n")
    message = await hears(ws, "you ")
    print("joined as", message.split()[2], flush=True)


async def main(url, ticket, authority=None):
    async with connect(url, authority) as ws:
        # Before and after joining.
        await (await ws.ping(b"are you there?"))
        await joins(ws, ticket, "snake")
        await (await ws.ping(b"are you still there?"))
        # In three frames.
        await ws.send(["hello ", "in three ", "parts"])
        await hears(ws, "said ", "<snake> hello in three parts\n")
        await ws.send(b"alive")
        await hears(ws, "alive ")
        await ws.send("x" * 300_000)
        print((await hears(ws, "said ", "<@operator> hello snake\n")).splitlines()[-1], flush=True)
        await ws.send("88")
        print(await is_closed(ws), flush=True)
    async with connect(url, authority) as ws:
        await joins(ws, ticket, "toad")
        print(await is_closed(ws), flush=True)
    async with connect(url, authority) as ws:
        await ws.send("threadchat 1\nticket aaaaaaaaaaaaaaaa\n")
        print(await is_closed(ws), flush=True)
    async with connect(url, authority) as ws:
        await joins(ws, ticket, "newt")
    print("closed by us with", ws.close_code, flush=True)


asyncio.run(main(*sys.argv[1:]))
