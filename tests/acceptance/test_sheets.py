"""The same rows in every kind of file make the same plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.builders import HEADER, write_csv, write_xlsx
from tests.worlds import agent, number

ROWS = [
    (*HEADER, "note"),
    (number(0), "call, whatsapp", "Agent 11", "two; at once"),
    (number(1), "voice", agent(12), 'says "hello", and more'),
    (number(2), "all", "Agent 13", "Straße – İzmir"),
    (number(3), "call", agent(3), ""),
]

FILES: dict[str, Callable[[Path], Path]] = {
    "comma": lambda folder: write_csv(folder / "comma.csv", ROWS),
    "semicolon": lambda folder: write_csv(folder / "semicolon.csv", ROWS, separator=";"),
    "tab": lambda folder: write_csv(folder / "tab.tsv", ROWS, separator="\t"),
    "BOM": lambda folder: write_csv(folder / "bom.csv", ROWS, encoding="utf-8-sig"),
    "UTF-16": lambda folder: write_csv(folder / "wide.csv", ROWS, separator="\t", encoding="utf-16"),
    "XLSX": lambda folder: write_xlsx(folder / "book.xlsx", {"Migration": ROWS}),
}


def without_source(text: str) -> str:
    """A plan without the one line that names its file."""
    kept = [line for line in text.splitlines() if not line.startswith(' "source": ')]
    assert len(kept) == len(text.splitlines()) - 1
    return "\n".join(kept)


def test_the_same_rows_make_the_same_plan_byte_for_byte(at: Desk) -> None:
    """Apart from `source`, which names the file."""
    made = {kind: at("plan", write(at.folder), "-o", "-", "-q") for kind, write in FILES.items()}
    assert {done.returncode for done in made.values()} == {0}
    plans = {kind: without_source(done.stdout) for kind, done in made.items()}
    assert plans == dict.fromkeys(FILES, plans["comma"])


def test_a_plan_names_each_change_and_why(at: Desk) -> None:
    """Before, after, row and reason; what is there already is a decision too."""
    told = json.loads(at("plan", FILES["XLSX"](at.folder), "--json", "-q").stdout)
    changes = {(it["row"], it["number"], it["channel"]): (it["before"], it["after"]) for it in told["changes"]}
    assert changes == {
        (2, number(0), "call"): (agent(0), agent(11)),
        (2, number(0), "whatsapp"): (agent(0), agent(11)),
        (3, number(1), "call"): (agent(1), agent(12)),
        (4, number(2), "call"): (agent(2), agent(13)),
        (4, number(2), "whatsapp"): (agent(2), agent(13)),
        (5, number(3), "call"): (agent(3), agent(3)),
    }
    assert {it["row"]: it["action"] for it in told["changes"]} == {2: "assign", 3: "assign", 4: "assign", 5: "keep"}


def test_what_a_spreadsheet_disguised_is_repaired_and_told(at: Desk) -> None:
    """A lost plus, an apostrophe, a formula of text, spaces, a number cell."""
    bare = number(4).removeprefix("+")
    typed: list[tuple[object, ...]] = [
        HEADER,
        (bare, "call", "Agent 10"),
        (f"'{number(5)}", "call", "Agent 11"),
        (f'="{number(6)}"', "call", "Agent 12"),
        ("\u202a+90 212 555 00 07\u202c", "call", "Agent 13"),
        (int(number(8)), "call", "Agent 14"),
    ]
    done = at("plan", write_xlsx(at.folder / "odd.xlsx", {"Sheet1": typed}), "--json")
    told = json.loads(done.stdout)
    assert [it["number"] for it in told["changes"]] == [number(index) for index in range(4, 9)]
    repaired = {it["row"] for row in told["rows"] for it in [row] if row.get("problems")}
    assert {2, 3, 4, 6} <= repaired


@pytest.mark.parametrize("typed", ["9.02E+11", "902125550004.5", "#REF!", "-902125550004"])
def test_what_a_spreadsheet_destroyed_is_refused_by_name(desk: Desk, typed: str) -> None:
    """Never guessed at."""
    done = desk("check", desk.sheet((typed, "call", "Agent 1")), "--json", "-q")
    told = json.loads(done.stdout)["problems"]
    assert (done.returncode, told[0]["row"], told[0]["column"], told[0]["value"]) == (3, 2, "number", typed)


def test_headers_in_other_words_are_understood_or_mapped(at: Desk) -> None:
    """German headers as they are, any other by --map."""
    at.sheet((number(0), "call", "Agent 11"), name="de.csv", header=("Rufnummer", "Kanal", "Agent"))
    at.sheet((number(0), "call", "Agent 11"), name="odd.csv", header=("Number", "Channel", "Whom"))
    assert at("plan", "de.csv").returncode == 0
    assert at("plan", "odd.csv").returncode == 3
    assert at("plan", "odd.csv", "--map", "Whom=agent").returncode == 0


def test_a_selection_leaves_the_rest_alone_and_in_the_report(at: Desk) -> None:
    """--only, --limit: the others are skipped, each still once in the results."""
    at.sheet(*((number(index), "call", f"Agent {10 + index}") for index in range(4)))
    assert at("apply", "moves.csv", "--yes", "--only", "row=3-4", "--run-id", "r1").returncode == 0
    assert list(at.statuses("r1").values()) == ["skipped", "done", "done", "skipped"]
    assert at("apply", "moves.csv", "--yes", "--limit", "1", "--run-id", "r2").returncode == 0
    assert sorted(at.statuses("r2").values()) == ["already", "already", "done", "skipped"]


def test_a_text_that_is_not_utf8_needs_its_encoding(at: Desk) -> None:
    """Refused without, since another name would be read; read with it."""
    path = at.sheet((number(0), "call", "Agent 11", "Müşteri"), header=(*HEADER, "note"), encoding="cp1254")
    assert at("plan", path).returncode in (2, 3)
    told = json.loads(at("plan", path, "--encoding", "cp1254", "--json", "-q").stdout)
    assert told["rows"][0]["note"] == "Müşteri"
