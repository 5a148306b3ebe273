"""Data Matrix and QR codes as a ZPL printer makes them from ^BX and ^BQ, drawn by pystrich.

Source: ZPL II Programming Guide (Zebra P1099958), ^BX: quality 200, escape sequences `_1` (FNC1) and `__`; ^BQ: the
field data begin with error correction level, input mode and a comma.
"""

import re

from pystrich.datamatrix import FNC1, DataMatrixCodeword, DataMatrixData, DataMatrixEncoder
from pystrich.qrcode import QRCodeEncoder, QRErrorCorrectionLevel

Modules = list[list[bool]]


class SymbolError(ValueError):
    """A printer prints no symbol for this (INVALID-L and the like, if ^CV is on)."""


def datamatrix(data: str, escape: str, columns: int, rows: int) -> Modules:
    """Square ECC 200 of the size asked for (0: as needed).

    pystrich can't be told a size, so one larger than needed is refused here, which a printer would pad.
    """
    try:
        encoder = DataMatrixEncoder(_datamatrix_data(data, escape), quiet_zone=0, force_byte_mode=True)
    except ValueError as error:
        raise SymbolError(str(error)) from error
    matrix = encoder.init_renderer().matrix
    for asked in (columns, rows):
        if asked and asked != len(matrix):
            raise SymbolError(f"Data Matrix of {len(matrix)} modules for data that were to fill {asked}")
    return [[bool(cell) for cell in row] for row in matrix]


def _datamatrix_data(data: str, escape: str) -> DataMatrixData:
    segments: list[str | DataMatrixCodeword] = []
    for found in re.finditer(f"{re.escape(escape)}(.)|([^{re.escape(escape)}]+)|(.)", data, flags=re.DOTALL):
        sequence, plain, _ = found.groups()
        if plain is not None:
            segments.append(plain)
        elif sequence == escape:
            segments.append(escape)
        elif sequence == "1":
            segments.append(FNC1)
        else:
            raise SymbolError(f"escape sequence {found[0]!r} in {data!r}: only {escape}1 is known")
    return DataMatrixData(*segments, encoding="ascii")


def qr_code(data: str) -> Modules:
    """QR code model 2 of field data such as `MA,https://...` (automatic input only)."""
    found = re.fullmatch(r"([HQML])A,(.+)", data, flags=re.DOTALL)
    if found is None:
        raise SymbolError(f"{data[:20]!r}: expected an error correction level H, Q, M or L, then A and a comma")
    levels: dict[str, QRErrorCorrectionLevel] = {"L": "L", "M": "M", "Q": "Q", "H": "H"}
    matrix = QRCodeEncoder(found[2], ecl=levels[found[1]]).init_renderer().matrix
    return _without_border([[bool(cell) for cell in row] for row in matrix])


def _without_border(matrix: Modules) -> Modules:
    """What pystrich drew, less its quiet zone: a printer leaves that to who places the code."""
    rows = [number for number, row in enumerate(matrix) if any(row)]
    columns = [number for number in range(len(matrix[0])) if any(row[number] for row in matrix)]
    return [row[columns[0] : columns[-1] + 1] for row in matrix[rows[0] : rows[-1] + 1]]
