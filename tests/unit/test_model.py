"""What the values say of themselves."""

from __future__ import annotations

import pytest

from batch.core.model import AgentId, Binding, Channel, NumberState, Trunk, Workspace
from tests.plans import number

SERVED = {"call": Binding(bound=True, agent=AgentId("a")), "whatsapp": Binding(bound=False), "sms": Binding(bound=True)}


@pytest.mark.parametrize(
    ("external", "expected"), [(True, (Trunk(number(0), Channel.CALL),)), (False, ())], ids=["external", "purchased"]
)
def test_trunks_are_the_bound_channels_of_external_numbers(external: bool, expected: tuple[Trunk, ...]) -> None:
    """SMS is no trunk, nor is anything on a purchased number (API.md §2)."""
    assert expected == NumberState(number=number(0), external=external, bindings=SERVED).trunks()


def test_a_trunk_is_told_as_its_number_and_channel() -> None:
    """In the log, and in what is said about it."""
    assert f"{number(0)}/call" == str(Trunk(number(0), Channel.CALL))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            Workspace("acme", "acme.mihu.ai"), Workspace("acme", "acme.mindhunters.ai"), id="the older domain"
        ),
        pytest.param(Workspace("acme", "127.0.0.1:80"), Workspace("", "127.0.0.1:80"), id="tenant left away"),
        pytest.param(Workspace("acme", "api.example"), Workspace("acme", "API.example"), id="case"),
        pytest.param(Workspace("", "localhost:80"), Workspace("", "127.0.0.1:80"), id="this machine by its address"),
        pytest.param(Workspace("", "localhost:80"), Workspace("", "[::1]:80"), id="this machine by its other address"),
    ],
)
def test_two_names_of_one_workspace_have_one_key(one: Workspace, other: Workspace) -> None:
    """They must exclude each other by one lock, and take each other's plans."""
    assert one.key == other.key


def test_two_tenants_are_two_workspaces() -> None:
    """On the vendor's domains the tenant is the host."""
    assert Workspace("acme", "acme.mihu.ai").key != Workspace("acme2", "acme2.mihu.ai").key
