"""What the tests of the page in a real browser share: reading it, and using it as its reader would."""

from __future__ import annotations

import json

import pytest

from tests.browser import Browser, chromium

IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine"),
    pytest.mark.xdist_group("browser"),
]
"""The marks of a test that needs one; all of them in one worker."""

TEXTS = {
    "script": "<script>window.pwned = 1; fetch('{url}/fetch')</script>",
    "end of script": "</script><script src='{url}/script.js'></script>",
    "comment": "<!--<script>window.pwned = 1</script>",
    "image": "<img src='{url}/image' onerror='window.pwned = 1'>",
    "attribute": '" onmouseover="window.pwned = 1" style="background: url({url}/style)',
    "svg": "<svg onload='window.pwned = 1'><use href='{url}/use'/></svg>",
    "link": "<a href='javascript:window.pwned = 1' id='bait'>x</a><link rel=stylesheet href='{url}/css'>",
    "base": "<base href='{url}/'><meta http-equiv=refresh content='0;url={url}/refresh'>",
    "frame": "<iframe src='{url}/frame' srcdoc='<script>parent.pwned = 1</script>'></iframe>",
    "json": "\\u003cscript>window.pwned = 1</script>\u2028\u2029'\"\\",
    "template": "{{ 7 * 7 }}{% raw %}${window.pwned = 1}",
    "prototype": "__proto__",
    "control": "a\x00\x1b[2J\x0b\x7f\u202e\ufeff\ud800",
}


def lines(tab: Browser) -> list[list[str]]:
    """The texts of the table's cells, as a reader sees them."""
    return tab.run("[...document.querySelectorAll('#rows tr')].map((tr) => [...tr.children].map((td) => td.innerText))")


def text(tab: Browser, selector: str) -> str:
    return tab.run(f"document.querySelector({json.dumps(selector)}).innerText")


def click(tab: Browser, selector: str) -> None:
    tab.run(f"document.querySelector({json.dumps(selector)}).click()")


def find(tab: Browser, wanted: str) -> str:
    """Type into the search field and press Enter; the count that the page then tells."""
    tab.run(f"document.getElementById('text').value = {json.dumps(wanted)}")
    tab.run("document.querySelector('.find').requestSubmit()")
    return text(tab, "#found")
