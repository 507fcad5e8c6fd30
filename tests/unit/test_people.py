"""Speaking to people on stderr: colour or none, and how far a run is where there is no bar."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from batch.cli import people
from batch.cli.people import People
from batch.run import Progress


@pytest.mark.parametrize(
    ("color", "variable", "escapes"),
    [("never", "", False), ("auto", "1", False), ("always", "1", True)],
    ids=["--color never", "NO_COLOR", "--color always"],
)
def test_no_colour_means_no_escape_sequence(
    color: str, variable: str, escapes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bold is one as well."""
    monkeypatch.setenv("NO_COLOR", variable)
    heard = io.StringIO()
    console = people._console(color)
    console.file = heard
    console.print(Text("x", style="bold red"))
    assert ("\x1b" in heard.getvalue()) == escapes


def test_the_last_line_of_a_phase_tells_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Elsewhere than on a terminal a line is told every few seconds only; the end is told in any case, once."""
    with People() as heard:
        for done in (0, 1, 3, 3):
            heard.progress(Progress(phase="verify", done=done, total=3))
    assert capsys.readouterr().err.splitlines() == ["verify 0/3", "verify 3/3"]
