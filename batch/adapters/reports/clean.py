"""Text that every program which opens a report survives: what a cell cannot hold is shown, not dropped."""

from __future__ import annotations

import re

MOST = 32_767
"""UTF-16 units an XLSX cell holds (Excel's specification of limits)."""

_LINE_END = re.compile("\r\n?")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_PICTURES = 0x2400
"""Unicode has a visible picture for each control character: U+2400 + its code."""


def clean(text: str) -> str:
    """*text* for a cell or a page: control characters become visible pictures, half a character becomes ``�``.

    Line ends and tabs stay; what is longer than a cell is cut, with a mark that tells how much.
    """
    if text.isprintable():  # the usual case, at the speed of C
        return text if len(text) <= MOST // 2 else _cut(text)
    return _cut(_CONTROL.sub(lambda found: _picture(found[0]), _LINE_END.sub("\n", text)))


def _picture(char: str) -> str:
    code = ord(char)
    if code < ord(" "):
        return chr(_PICTURES + code)
    return "\u2421" if char == "\x7f" else "\ufffd"


def _cut(text: str) -> str:
    units = text.encode("utf-16-le")
    most = 2 * MOST
    if len(units) <= most:
        return text
    mark = f" … [cut, {len(text):,} characters]"
    return units[: most - 2 * len(mark)].decode("utf-16-le", "ignore") + mark
