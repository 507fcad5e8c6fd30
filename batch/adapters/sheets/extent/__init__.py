"""How far the cells of a worksheet reach, told from its bytes as they are unpacked, before a reader allocates for them.

Only cells that hold something count, as they do for the reader. XLSX says the place of each cell or leaves it to be
counted, XLSB says its row and its column, and ODS how often a cell and a row are repeated. Whatever the reader takes
for a cell has to be seen here: it ends the whole program when it finds one that it has no memory for.
"""

from __future__ import annotations

from batch.adapters.sheets.extent import ods, xlsb, xlsx
from batch.adapters.sheets.extent.model import Extent, ImpossibleError, Reach, Total, UnclearError

__all__ = ["Extent", "ImpossibleError", "Reach", "Total", "UnclearError", "extent_of"]

_BINARY_FOLDERS = ("xl/worksheets/", "xl/chartsheets/", "xl/dialogsheets/")
"""Where the reader looks for the sheets of an XLSB; those of an XLSX may be any part."""


def extent_of(part: str, *, binary: bool = False, quick: bool = True) -> Extent:
    """What follows the cells of *part* of a workbook, whatever it is: the reader goes by its content.

    Args:
        part: the name of the part, which the reader finds in capitals and with backslashes too.
        binary: whether the workbook is an XLSB.
        quick: to look only as far as is needed for a part that is written as usual. It raises
            :class:`UnclearError` for another, which then must be looked at again, from its beginning, with False.
    """
    name = part.replace("\\", "/").casefold()
    if name == ods.PART:
        return ods.Parsed()
    if binary and name.startswith(_BINARY_FOLDERS):
        # XML without control characters has none of these records in it
        return xlsx.Parsed(strict=True) if name.endswith(".rels") else xlsb.Records()
    return xlsx.Quick() if quick else xlsx.Parsed()
