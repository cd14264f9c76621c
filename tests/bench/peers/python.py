"""The echo server on Python's asyncio, with its own event loop or with uvloop's.

It uses a Protocol, asyncio's fast interface (streams are slower), on Python 3.8 or later; uvloop's
version is in requirements.txt. Both loops set TCP_NODELAY, read up to 256 KiB at once, and close a
connection after the client's FIN once everything is sent.
"""

import argparse
import asyncio


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    # Back-pressure: reading from a slow client is paused.
    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def serve(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Echo server on PORT of 127.0.0.1.")
    parser.add_argument("event_loop", choices=["asyncio", "uvloop"])
    parser.add_argument("port", metavar="PORT", type=int)
    arguments = parser.parse_args()
    if arguments.event_loop == "uvloop":
        from uvloop import run
    else:
        from asyncio import run
    run(serve(arguments.port))
