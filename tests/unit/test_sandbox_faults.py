"""The fault script: what is refused with words, and whose turn it is."""

from pathlib import Path
from typing import Any

import pytest

from batch.errors import UsageError
from batch.sandbox.faults import Player, load, parse
from tests.worlds import ASSIGN, Ticks, agent, assign_request, number, request

SAMPLES = Path(__file__).parents[2] / "samples" / "faults"


def turns(match: dict[str, Any], calls: list[Any], **rule: Any) -> list[int]:
    """The positions (from 1) of the calls that a single rule strikes."""
    script = parse({"rules": [{"match": match, "do": {"status": 500}, **rule}]})
    player = Player(script, Ticks().clock)
    return [i for i, call in enumerate(calls, 1) if player.strike(call) is not None]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param({"do": {"status": "often"}}, r"rules\[1\].do.status", id="not-a-number"),
        pytest.param({"do": {"status": 42}}, r"rules\[1\].do.status", id="no-status"),
        pytest.param({"do": {"explode": 1}}, r"rules\[1\].do.explode", id="unknown-action"),
        pytest.param({"do": {}}, r"rules\[1\].do: .*nothing to do", id="nothing"),
        pytest.param({"match": {}}, r"rules\[1\].do: ", id="do-missing"),
        pytest.param({"match": {"nth": 0}, "do": {"reset": True}}, r"rules\[1\].match.nth", id="nth-zero"),
        pytest.param({"match": {"share": 2}, "do": {"reset": True}}, r"rules\[1\].match.share", id="share"),
        pytest.param({"when": "during", "do": {"reset": True}}, r"rules\[1\].when", id="when"),
        pytest.param({"do": {"reset": True, "cut": {"bytes": 1}}}, "cut and reset are both delivery", id="deliveries"),
        pytest.param({"do": {"status": 500, "lie": "empty"}}, "status and lie are both content", id="contents"),
        pytest.param({"do": {"body": "x", "reset": True}}, "need a status", id="body-alone"),
        pytest.param({"do": {"drip": {"bytes": 1}}}, r"rules\[1\].do.drip.every", id="drip"),
    ],
)
def test_a_wrong_rule_is_refused_naming_its_index_and_key(rule: dict[str, Any], words: str) -> None:
    """Rules count from 0, as in the JSON."""
    with pytest.raises(UsageError, match=words):
        parse({"rules": [{"do": {"close": True}}, rule]})


def test_a_status_may_stand_beside_a_page_or_a_redirect() -> None:
    """There it is the page's status: a firewall's 403, a 307."""
    parse({"rules": [{"do": {"html": "firewall", "status": 403}}, {"do": {"redirect": "/x", "status": 307}}]})


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_script_is_good(sample: Path) -> None:
    """They are documentation that is run."""
    assert load(sample).rules


PUTS = [assign_request(i) for i in range(6)]
READ = request("GET", "/agents", query={"page": "2"})


@pytest.mark.parametrize(
    ("match", "calls", "expected"),
    [
        pytest.param({}, [READ, PUTS[0]], [1, 2], id="everything"),
        pytest.param({"method": "PUT"}, [READ, PUTS[0]], [2], id="method"),
        pytest.param({"path": "/ag*"}, [READ, PUTS[0]], [1], id="path"),
        pytest.param({"page": 2}, [READ, request("GET", "/agents")], [1], id="page"),
        pytest.param({"number": number(2)}, PUTS, [3], id="number"),
        pytest.param({"channel": "whatsapp"}, [PUTS[0], assign_request(0, channel="whatsapp")], [2], id="channel"),
        pytest.param({"agent": agent(3)}, [PUTS[0], assign_request(0, to=3)], [2], id="agent"),
        pytest.param({"nth": 2}, PUTS, [2], id="nth"),
        pytest.param({"nth": [1, 4]}, PUTS, [1, 4], id="nth-list"),
        pytest.param({"every": 3}, PUTS, [3, 6], id="every"),
        pytest.param({"method": "PUT", "nth": 1}, [READ, PUTS[0], PUTS[1]], [2], id="counts-matching-calls-only"),
        pytest.param({"nth": 1, "per": "trunk"}, [PUTS[0], PUTS[1], PUTS[0]], [1, 2], id="per-trunk"),
        pytest.param(
            {"nth": 2, "per": "connection"},
            [request("GET", "/agents", port=port) for port in (1, 2, 2, 1)],
            [3, 4],
            id="per-connection",
        ),
    ],
)
def test_a_rule_strikes_the_calls_it_is_about(match: dict[str, Any], calls: list[Any], expected: list[int]) -> None:
    """Each key of `match`, alone."""
    assert expected == turns(match, calls)


def test_times_bounds_how_often_a_rule_strikes() -> None:
    """The rest of the calls pass."""
    assert [1, 2] == turns({}, PUTS, times=2)


def test_a_share_is_drawn_alike_from_the_same_seed() -> None:
    """About that many, and the same ones each time."""
    calls = [assign_request(0)] * 1000
    struck = turns({"share": 0.3}, calls)
    assert struck == turns({"share": 0.3}, calls)
    assert 250 < len(struck) < 350


def test_between_bounds_a_rule_in_time() -> None:
    """An outage that begins and ends, counted from the first call."""
    ticks = Ticks(now=500.0)
    player = Player(parse({"rules": [{"match": {"between": [10, 20]}, "do": {"close": True}}]}), ticks.clock)
    struck = []
    for wait in (0, 9.9, 0.1, 9.9, 0.1):
        ticks.advance(wait)
        struck.append(player.strike(READ) is not None)
    assert [False, False, True, True, False] == struck


def test_the_first_rule_whose_turn_it_is_strikes_and_all_count() -> None:
    """A later rule's count goes on while an earlier one strikes; its own strike is not used up."""
    script = parse({"rules": [{"match": {"nth": 1}, "do": {"close": True}}, {"times": 1, "do": {"reset": True}}]})
    player = Player(script, Ticks().clock)
    struck = [player.strike(READ) for _ in range(3)]
    assert [script.rules[0], script.rules[1], None] == struck
    assert [1, 1] == player.struck()


def test_path_is_the_documented_one() -> None:
    """Rules name paths relative to /api/v1."""
    assert [1] == turns({"path": ASSIGN}, PUTS[:1])
