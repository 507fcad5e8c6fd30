"""``report.html`` in a real browser: nothing in it acts, whatever a sheet, a server or a person wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import Browser
from tests.browsing import IN_A_BROWSER, TEXTS, click, find
from tests.days import believable, hostile

pytestmark = IN_A_BROWSER


@pytest.mark.parametrize("kind", TEXTS)
def test_no_text_runs_as_a_script_or_asks_for_anything(show, bait: tuple[str, list[str]], kind: str) -> None:
    """Nought scripts from data, nought requests, and the text is there to be read."""
    url, asked = bait
    told = TEXTS[kind].replace("{url}", url)
    tab = show(hostile(told))
    click(tab, ".chip")
    find(tab, told[:40])
    tab.run("[...document.querySelectorAll('*')].forEach((one) => one.dispatchEvent(new MouseEvent('mouseover')))")
    tab.run("new Promise((done) => setTimeout(done, 50))")
    assert (None, [], []) == (tab.run("window.pwned"), asked, tab.requests())
    assert [] == tab.told("Runtime.exceptionThrown")
    assert ["application/json", ""] == tab.run("[...document.scripts].map((one) => one.type)")
    assert tab.run("document.querySelectorAll('#bait, iframe, img, base, body link, object, svg use').length") == 0


def test_a_hostile_text_is_shown_as_it_is(show) -> None:
    """In the table, the headline, the problems and the facts."""
    text_ = "<b>&amp;</b><script>1</script>"
    tab = show(hostile(text_))
    shown = tab.run("document.body.innerText")
    assert shown.count(text_) >= 8


def test_the_policy_itself_would_stop_what_the_escaping_let_through(show, bait: tuple[str, list[str]]) -> None:
    """The second lock: a script, a handler and a request put into the page by hand do nothing."""
    url, asked = bait
    tab = show(believable(20))
    tab.run(
        f"document.body.insertAdjacentHTML('beforeend', `<img src='{url}/x' onerror='window.pwned = 1'>`);"
        "const made = document.createElement('script'); made.textContent = 'window.pwned = 2';"
        "document.body.append(made)"
    )
    tab.run(f"fetch('{url}/fetch').catch(() => 0)")
    tab.run("new Promise((done) => setTimeout(done, 50))")
    assert (None, []) == (tab.run("window.pwned"), asked)


def test_a_planted_hole_would_be_seen(tab: Browser, tmp_path: Path, bait: tuple[str, list[str]]) -> None:
    """A page without escaping and policy runs the script and asks: the tests above can fail."""
    url, asked = bait
    path = tmp_path / "open.html"
    path.write_text(f"<title>open</title><p>{TEXTS['script'].replace('{url}', url)}</p>", "utf-8")
    tab.open(path)
    tab.run("new Promise((done) => setTimeout(done, 200))")
    assert (1, ["/fetch"]) == (tab.run("window.pwned"), asked)
    asked.clear()
