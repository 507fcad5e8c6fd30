"""The seam to the vendor, and the wrappers that are the same for every implementation of it."""

from __future__ import annotations

from typing import Protocol

from batch.core.calls import Call, Reply


class Api(Protocol):
    """The seam to the vendor: one call, one reply.

    A reply is a value, whatever happened on the wire: an implementation raises nothing but cancellation.
    Dry run, pace, retry and counting are wrappers of this one method. One instance is used by one task at a time.
    """

    async def send(self, call: Call) -> Reply:
        """Send *call* and return what came back."""
        ...

    async def aclose(self) -> None:
        """Give back the connection; the instance is not used again."""
        ...


class WriteRefusedError(RuntimeError):
    """A dry run tried to write: always a bug of this program, never a state of the world."""


class ReadOnly:
    """An Api that lets reads through and refuses every write before it can leave (a dry run is this, not an ``if``)."""

    def __init__(self, inner: Api) -> None:
        self._inner = inner

    async def send(self, call: Call) -> Reply:
        """Send a read; a write raises :class:`WriteRefusedError`."""
        if call.writes:
            raise WriteRefusedError(f"a dry run tried {call.method} {call.path}")
        return await self._inner.send(call)

    async def aclose(self) -> None:
        """Close the wrapped Api."""
        await self._inner.aclose()
