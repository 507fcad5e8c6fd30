"""A stateful stand-in for the vendor's API that behaves like the facts of API.md, with a fault script.

It is an independent judge: it shares no parsing, no verdict and no normalising with the program it is used to test.

    rows ─ generate ▶ world ◀ service ─ routes, throttle, faults, diary
                                ▲ app (ASGI) ─ wire (sockets) ─ control (/_sandbox)
                                       ▲ server ─ command (`reassign sandbox`)
"""
