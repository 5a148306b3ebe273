"""An NTAG216: a Type 2 tag with 888 bytes for NDEF (NXP data sheet NTAG213/215/216 rev. 3.2)."""

from enum import IntEnum

from firmware_sim.field import RfAnswer

PAGE_BYTES = 4
_LAST_PAGE = 0xE6  # table 5: memory organisation of NTAG216
_FIRST_USER_PAGE = 0x04
_DYNAMIC_LOCK_PAGE = 0xE2
_CFG0_PAGE = 0xE3  # byte 3: AUTH0, the first protected page
_CFG1_PAGE = 0xE4  # byte 0: ACCESS, bit 7 PROT (reading is protected too), bit 4 NFC_CNT_EN
_PWD_PAGE = 0xE5
_PACK_PAGE = 0xE6
_ULTRALIGHT_LOCKED_BY_BYTE_0 = range(4, 8)


class _Command(IntEnum):
    """Table 22: command overview."""

    PWD_AUTH = 0x1B
    READ = 0x30
    READ_CNT = 0x39
    FAST_READ = 0x3A
    READ_SIG = 0x3C
    HALT = 0x50
    GET_VERSION = 0x60
    WRITE = 0xA2


_VERSION = bytes.fromhex("0004040201001303")  # table 28: NXP, NTAG, 50 pF, 1.0, 888 bytes, ISO 14443-3
_ACK = RfAnswer(b"\x0a", is_nibble=True)  # table 23
_NAK_INVALID_ARGUMENT = RfAnswer(b"\x00", is_nibble=True)

USER_BYTES = (_DYNAMIC_LOCK_PAGE - _FIRST_USER_PAGE) * PAGE_BYTES


class Type2Tag:
    """One NTAG216. Its memory outlives power; its selection and its password session don't.

    The originality signature is 32 fixed bytes: NXP's private key can't be simulated, so verifying it must fail.
    """

    atqa = 0x0044
    sak = 0x00

    def __init__(self, uid: bytes, data_area: bytes = b"\x03\x00\xfe") -> None:
        """A tag as delivered, with `data_area` (TLVs, see `ndef_bytes.type2_data_area`) from page 4 on.

        Raises:
            ValueError: `uid` is not seven bytes, or `data_area` is longer than 888 bytes.
        """
        if len(uid) != 7:  # noqa: PLR2004 - section 8.5.1
            raise ValueError(f"UID of an NTAG216: got {uid.hex()!r}, expected seven bytes")
        if len(data_area) > USER_BYTES:
            raise ValueError(f"data area: got {len(data_area)} bytes, expected at most {USER_BYTES}")
        self.uid = uid
        self._memory = _as_delivered(uid)
        start = _FIRST_USER_PAGE * PAGE_BYTES
        self._memory[start : start + len(data_area)] = data_area
        self._selected = False
        self._authenticated = False
        self._read_count = 0
        self._counted = False

    @property
    def memory(self) -> bytes:
        """All 924 bytes as a laboratory would see them, password included."""
        return bytes(self._memory)

    @property
    def data_area(self) -> bytes:
        """The user memory: TLVs, then zeros."""
        start = _FIRST_USER_PAGE * PAGE_BYTES
        return bytes(self._memory[start : start + USER_BYTES])

    def power_off(self) -> None:
        """Back to IDLE."""
        self._selected = self._authenticated = self._counted = False

    def select(self) -> None:
        """To ACTIVE."""
        self._selected = True
        self._authenticated = False

    def exchange(self, frame: bytes) -> RfAnswer | None:
        """One command. Anything refused is answered NAK and the tag falls back to IDLE (section 8.4, figure 8)."""
        if not self._selected or not frame:
            return None
        if frame[0] == _Command.HALT:
            self._selected = False
            return None
        answer = self._command(frame)
        if answer is _NAK_INVALID_ARGUMENT:
            self._selected = self._authenticated = False
        return answer

    def _command(self, frame: bytes) -> RfAnswer:  # noqa: PLR0911 - one return per command
        match frame[0], len(frame):
            case (_Command.READ, 2):
                return self._read(frame[1])
            case (_Command.FAST_READ, 3):
                return self._fast_read(frame[1], frame[2])
            case (_Command.WRITE, 6):
                return self._write(frame[1], frame[2:6])
            case (_Command.GET_VERSION, 1):
                return RfAnswer(_VERSION)
            case (_Command.PWD_AUTH, 5):
                return self._authenticate(frame[1:5])
            case (_Command.READ_CNT, 2) if frame[1] == 2 and self._counter_enabled():  # noqa: PLR2004 - counter 2
                return RfAnswer(self._read_count.to_bytes(3, "little"))
            case (_Command.READ_SIG, 2) if frame[1] == 0:
                return RfAnswer(bytes(range(32)))
            case _:
                return _NAK_INVALID_ARGUMENT

    def _read(self, page: int) -> RfAnswer:
        """Section 10.2: four pages, rolling over to page 0 behind the last readable page."""
        if page > _LAST_PAGE or self._read_protected(page):
            return _NAK_INVALID_ARGUMENT
        if not self._counted:  # section 8.7: the first READ after power-up counts
            self._counted = True
            self._read_count = min(self._read_count + 1, 0xFFFFFF)
        limit = self._first_protected_page() if self._reading_needs_password() else _LAST_PAGE + 1
        return RfAnswer(b"".join(self._visible_page((page + i) % limit) for i in range(4)))

    def _fast_read(self, first: int, last: int) -> RfAnswer:
        """Section 10.3."""
        if first > last or last > _LAST_PAGE or self._read_protected(last):
            return _NAK_INVALID_ARGUMENT
        return RfAnswer(b"".join(self._visible_page(page) for page in range(first, last + 1)))

    def _write(self, page: int, value: bytes) -> RfAnswer:
        """Section 10.4. Lock bytes and the capability container are one-time programmable: bits only ever rise."""
        protected = page >= self._first_protected_page() and not self._authenticated
        if not 2 <= page <= _LAST_PAGE or protected or self._locked(page):  # noqa: PLR2004 - pages 0 and 1 hold the UID
            return _NAK_INVALID_ARGUMENT
        offset = page * PAGE_BYTES
        old = self._memory[offset : offset + PAGE_BYTES]
        if page == 2:  # noqa: PLR2004 - bytes 0 and 1 are UID check byte and internal
            value = bytes([old[0], old[1], old[2] | value[2], old[3] | value[3]])
        elif page in (3, _DYNAMIC_LOCK_PAGE):
            value = bytes(a | b for a, b in zip(old, value, strict=True))
        self._memory[offset : offset + PAGE_BYTES] = value
        return _ACK

    def _authenticate(self, password: bytes) -> RfAnswer:
        """Section 10.7."""
        offset = _PWD_PAGE * PAGE_BYTES
        if password != self._memory[offset : offset + PAGE_BYTES]:
            return _NAK_INVALID_ARGUMENT
        self._authenticated = True
        return RfAnswer(bytes(self._memory[_PACK_PAGE * PAGE_BYTES : _PACK_PAGE * PAGE_BYTES + 2]))

    def _visible_page(self, page: int) -> bytes:
        """Password and its acknowledge always read as zeros (section 8.8.1)."""
        if page in (_PWD_PAGE, _PACK_PAGE):
            return bytes(PAGE_BYTES)
        return bytes(self._memory[page * PAGE_BYTES : (page + 1) * PAGE_BYTES])

    def _counter_enabled(self) -> bool:
        return bool(self._memory[_CFG1_PAGE * PAGE_BYTES] & 0x10)

    def _first_protected_page(self) -> int:
        return self._memory[_CFG0_PAGE * PAGE_BYTES + 3]

    def _reading_needs_password(self) -> bool:
        prot = bool(self._memory[_CFG1_PAGE * PAGE_BYTES] & 0x80)
        return prot and not self._authenticated and self._first_protected_page() <= _LAST_PAGE

    def _read_protected(self, page: int) -> bool:
        return self._reading_needs_password() and page >= self._first_protected_page()

    def _locked(self, page: int) -> bool:
        """Static lock bits lock page 3 to 15 one by one (section 8.5.2), dynamic ones 16 pages each (section 8.5.3)."""
        low, high = self._memory[10], self._memory[11]
        if page == 3 or page in _ULTRALIGHT_LOCKED_BY_BYTE_0:  # noqa: PLR2004 - L_CC and L4 to L7
            return bool(low >> page & 1)
        if page < 16:  # noqa: PLR2004 - L8 to L15
            return bool(high >> (page - 8) & 1) if page >= 8 else False  # noqa: PLR2004 - page 2 is never locked
        if page < _DYNAMIC_LOCK_PAGE:
            offset = _DYNAMIC_LOCK_PAGE * PAGE_BYTES
            bits = int.from_bytes(self._memory[offset : offset + 2], "little")
            return bool(bits >> ((page - 16) // 16) & 1)
        return False


def _as_delivered(uid: bytes) -> bytearray:
    """Memory content at delivery (section 8.5, table 5): UID with check bytes, capability container, configuration."""
    memory = bytearray((_LAST_PAGE + 1) * PAGE_BYTES)
    cascade_tag = 0x88
    memory[0:4] = uid[:3] + bytes([cascade_tag ^ uid[0] ^ uid[1] ^ uid[2]])
    memory[4:8] = uid[3:]
    memory[8:10] = bytes([uid[3] ^ uid[4] ^ uid[5] ^ uid[6], 0x48])
    memory[12:16] = bytes.fromhex("e1106d00")  # 0x6D times 8 bytes = 872 bytes of NDEF, read and write
    offset = _DYNAMIC_LOCK_PAGE * PAGE_BYTES
    memory[offset : offset + 20] = bytes.fromhex("000000bd 040000ff 00050000 ffffffff 00000000")
    return memory
