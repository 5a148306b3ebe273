"""Reading what RFID tags say: EPC memory in hexadecimal digits, and EPC URIs."""

from dataclasses import replace

from inventory.element_string import Split
from inventory.epc import Epc, decode_epc, parse_epc_uri
from inventory.errors import CodeError
from inventory.parsed_scan import ParsedScan
from inventory.problem import Problem
from inventory.scan_request import ScanRequest


def read_epc(request: ScanRequest, hexadecimal: str) -> ParsedScan:
    """EPC memory."""
    try:
        return _from_epc(request, decode_epc(hexadecimal))
    except CodeError as error:
        return request.refuse("epc", error.code, error.message)


def read_epc_uri(request: ScanRequest, uri: str) -> ParsedScan:
    """A tag URI or a pure identity URI, as an NFC tag or another system may hold it."""
    try:
        scan = _from_epc(request, parse_epc_uri(uri))
    except CodeError as error:
        return request.refuse("epc", error.code, error.message)
    return scan if uri.startswith("urn:epc:tag:") else replace(scan, epc_tag_uri=None)


def _from_epc(request: ScanRequest, epc: Epc) -> ParsedScan:
    scan = request.judge("epc", Split(epc.elements), complete=True)
    warnings = scan.warnings
    if epc.has_more_data:
        warnings += (Problem("more_data", "the tag holds further elements behind its EPC, which are not read"),)
    return replace(scan, warnings=warnings, epc_uri=epc.epc_uri, epc_tag_uri=epc.epc_tag_uri)
