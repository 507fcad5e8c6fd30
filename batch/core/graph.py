"""Two plain graph questions, asked iteratively: a chain of a hundred thousand changes must not meet a recursion limit.

A graph is a list: ``needs[node]`` are the nodes that come before *node*. (``graphlib`` gives an order but no
preference among ready nodes, and only one cycle at a time.)
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import accumulate

from msgspec import Struct


def in_order(needs: Sequence[Sequence[int]], preference: Sequence[tuple[int, int]]) -> list[int]:
    """Every node after all it needs; among those that could come next, the smallest preference first.

    A needed node may be named twice. Nodes of a cycle, and those that need them, are left out.
    """
    ranked = sorted(range(len(needs)), key=preference.__getitem__)
    rank = [0] * len(needs)
    for place, node in enumerate(ranked):
        rank[node] = place
    missing = [len(needed) for needed in needs]
    dependents = backwards(needs)
    ready = [place for place, node in enumerate(ranked) if not missing[node]]  # ascending, so it is a heap
    order = []
    while ready:
        node = ranked[heapq.heappop(ready)]
        order.append(node)
        for dependent in dependents[node]:
            missing[dependent] -= 1
            if not missing[dependent]:
                heapq.heappush(ready, rank[dependent])
    return order


def backwards(needs: Sequence[Sequence[int]]) -> Dependents:
    """For each node the nodes that need it, in ascending order."""
    first = [0] * (len(needs) + 1)
    for needed in needs:
        for other in needed:
            first[other + 1] += 1
    first = list(accumulate(first))
    free = first[:-1]
    nodes = [0] * first[-1]
    for node, needed in enumerate(needs):
        for other in needed:
            nodes[free[other]] = node
            free[other] += 1
    return Dependents(first, nodes)


class Dependents(Struct, frozen=True):
    """``dependents[node]`` are the nodes that need *node*: a part of one list, since a list each would cost more."""

    first: Sequence[int]
    nodes: Sequence[int]

    def __getitem__(self, node: int) -> Sequence[int]:
        return self.nodes[self.first[node] : self.first[node + 1]]


def components(needs: Sequence[Sequence[int]]) -> list[int]:
    """For each node the number of its strongly connected component; a component's number is above those it needs.

    Tarjan's algorithm, which closes components in exactly that order.
    """
    search = _Tarjan(needs)
    for node in range(len(needs)):
        if search.index[node] < 0:
            search.visit(node)
    return search.component


class _Tarjan:
    """The state of one search; -1 means not yet."""

    def __init__(self, needs: Sequence[Sequence[int]]) -> None:
        self.needs = needs
        self.index = [-1] * len(needs)
        self.low = [0] * len(needs)
        self.component = [-1] * len(needs)
        self.open: list[int] = []
        self.reached = 0
        self.closed = 0

    def visit(self, start: int) -> None:
        path = [(start, self._enter(start))]
        while path:
            node, rest = path[-1]
            for other in rest:
                if self.index[other] < 0:
                    path.append((other, self._enter(other)))
                    break
                if self.component[other] < 0:
                    self.low[node] = min(self.low[node], self.index[other])
            else:
                path.pop()
                self._leave(node, path[-1][0] if path else node)

    def _enter(self, node: int) -> Iterator[int]:
        self.index[node] = self.low[node] = self.reached
        self.reached += 1
        self.open.append(node)
        return iter(self.needs[node])

    def _leave(self, node: int, parent: int) -> None:
        self.low[parent] = min(self.low[parent], self.low[node])
        if self.low[node] != self.index[node]:
            return
        while self.component[node] < 0:
            self.component[self.open.pop()] = self.closed
        self.closed += 1
