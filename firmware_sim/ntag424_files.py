"""The files of an NTAG 424 DNA: content, access rights, what is mirrored into them (NT4H2421Gx, 8.2.3, 9.3, 10.7)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from firmware_sim.ntag424_crypto import cipher, sdm_keys, short_mac

FREE, NEVER = 0xE, 0xF
PLAIN, MACED, FULL = 0, 1, 3
_KEYS = range(5)
_SDM, _UID, _COUNTER, _LIMIT, _ENCRYPTED, _ASCII = 0x40, 0x80, 0x40, 0x20, 0x10, 0x01
_COUNTER_END = 0xFFFFFF


@dataclass(frozen=True)
class Mirroring:
    """Secure dynamic messaging of a file."""

    options: int
    counter_access: int
    meta_read: int
    file_read: int
    uid_at: int | None = None
    counter_at: int | None = None
    picc_data_at: int | None = None
    mac_input_at: int | None = None
    encrypted_at: int | None = None
    encrypted_length: int = 0
    mac_at: int | None = None
    counter_limit: int = _COUNTER_END

    def encode(self) -> bytes:
        """As GetFileSettings says it: only the fields that the options call for."""
        head = bytes([self.options, 0xF0 | self.counter_access, self.meta_read << 4 | self.file_read])
        numbers = [self.uid_at, self.counter_at, self.picc_data_at, self.mac_input_at, self.encrypted_at]
        numbers += [self.encrypted_length if self.options & _ENCRYPTED else None, self.mac_at]
        numbers += [self.counter_limit if self.options & _LIMIT else None]
        return head + b"".join(each.to_bytes(3, "little") for each in numbers if each is not None)

    def places(self) -> list[tuple[int, int]]:
        """Where it writes: begin and length in the file."""
        found = [(self.uid_at, 14), (self.counter_at, 6), (self.picc_data_at, 32), (self.mac_at, 16)]
        found.append((self.encrypted_at, self.encrypted_length))
        return [(begin, length) for begin, length in found if begin is not None]


def read_mirroring(data: bytes) -> Mirroring | None:
    """The SDM part of ChangeFileSettings; None where it is not well formed (table 69)."""
    if len(data) < 3:  # noqa: PLR2004 - options and access rights
        return None
    options, counter_access, meta, file = data[0], data[1] & 0x0F, data[2] >> 4, data[2] & 0x0F
    numbers = [int.from_bytes(data[at : at + 3], "little") for at in range(3, len(data), 3)]
    encrypts = bool(options & _ENCRYPTED)
    wanted = {
        "uid_at": meta == FREE and bool(options & _UID),
        "counter_at": meta == FREE and bool(options & _COUNTER),
        "picc_data_at": meta in _KEYS,
        "mac_input_at": file != NEVER,
        "encrypted_at": file != NEVER and encrypts,
        "encrypted_length": file != NEVER and encrypts,
        "mac_at": file != NEVER,
        "counter_limit": bool(options & _LIMIT),
    }
    names = [name for name, there in wanted.items() if there]
    if len(data) % 3 or len(numbers) != len(names) or not options & _ASCII:
        return None
    if not (meta in _KEYS or meta in (FREE, NEVER)) or not (file in _KEYS or file == NEVER):
        return None
    return Mirroring(options, counter_access, meta, file, **dict(zip(names, numbers, strict=True)))


@dataclass
class StandardFile:
    """One of the three files."""

    identifier: int
    """For SELECT, such as E104."""
    content: bytearray
    communication: int
    read: int
    write: int
    read_write: int
    change: int
    mirroring: Mirroring | None = None
    counter: int = 0
    """SDMReadCtr."""
    _shown: bytes | None = field(default=None, repr=False)

    def settings(self) -> bytes:
        """The answer to GetFileSettings (10.7.2)."""
        option = self.communication | (_SDM if self.mirroring else 0)
        rights = bytes([self.read_write << 4 | self.change, self.read << 4 | self.write])
        head = bytes([0x00, option]) + rights + len(self.content).to_bytes(3, "little")
        return head + (self.mirroring.encode() if self.mirroring else b"")

    def change_settings(self, data: bytes) -> bool:
        """ChangeFileSettings; False for what the chip refuses (10.7.1). Turning SDM on begins the counter anew."""
        if len(data) < 3 or data[0] & ~(_SDM | FULL) or data[0] & FULL == 2:  # noqa: PLR2004 - table 69
            return False
        mirroring = None
        if data[0] & _SDM:
            mirroring = read_mirroring(data[3:])
            if mirroring is None or not self._fits(mirroring):
                return False
            if self.mirroring is None:
                self.counter = 0
        elif len(data) != 3:  # noqa: PLR2004 - option and access rights
            return False
        self.mirroring = mirroring
        self.communication = data[0] & FULL
        self.read_write, self.change = data[1] >> 4, data[1] & 0x0F
        self.read, self.write = data[2] >> 4, data[2] & 0x0F
        return True

    def _fits(self, mirroring: Mirroring) -> bool:
        places = sorted(mirroring.places())
        ends = [begin + length for begin, length in places]
        apart = all(end <= begin for end, (begin, _) in zip(ends, places[1:], strict=False))
        inside = all(end <= len(self.content) for end in ends)
        ordered = mirroring.mac_at is None or (mirroring.mac_input_at or 0) <= mirroring.mac_at
        covered = mirroring.encrypted_at is None or (mirroring.mac_input_at or 0) <= mirroring.encrypted_at
        return apart and inside and ordered and covered and mirroring.encrypted_length % 32 == 0

    def forget_reading(self) -> None:
        """The next reading is a new one."""
        self._shown = None

    def seen(self, uid: bytes, keys: Sequence[bytes], random: Callable[[int], bytes]) -> bytes | None:
        """What someone without authentication reads: mirrored anew at the first read; None at the counter's limit."""
        if self.mirroring is None:
            return bytes(self.content)
        if self._shown is None:
            if self.counter >= self.mirroring.counter_limit:
                return None
            self.counter += 1
            self._shown = self._mirrored(self.mirroring, uid, keys, random)
        return self._shown

    def _mirrored(
        self, mirroring: Mirroring, uid: bytes, keys: Sequence[bytes], random: Callable[[int], bytes]
    ) -> bytes:
        shown = bytearray(self.content)

        def write(at: int | None, text: str) -> None:
            if at is not None:
                shown[at : at + len(text)] = text.encode("ascii")

        number = self.counter.to_bytes(3, "little")
        write(mirroring.uid_at, uid.hex().upper())
        write(mirroring.counter_at, f"{self.counter:06X}")
        if mirroring.picc_data_at is not None:
            shows_uid, shows_counter = bool(mirroring.options & _UID), bool(mirroring.options & _COUNTER)
            tag = (0x80 if shows_uid else 0) | (0x40 if shows_counter else 0) | (7 if shows_uid else 0)
            plain = bytes([tag]) + (uid if shows_uid else b"") + (number if shows_counter else b"")
            plain += random(16 - len(plain))
            write(mirroring.picc_data_at, cipher(keys[mirroring.meta_read], plain).hex().upper())
        if mirroring.file_read == NEVER:
            return bytes(shown)
        secret, proof = sdm_keys(keys[mirroring.file_read], uid, number)
        if mirroring.encrypted_at is not None:
            at, half = mirroring.encrypted_at, mirroring.encrypted_length // 2
            iv = cipher(secret, number.ljust(16, b"\0"))
            write(at, cipher(secret, bytes(self.content[at : at + half]), iv).hex().upper())
        covered = bytes(shown[mirroring.mac_input_at : mirroring.mac_at])
        write(mirroring.mac_at, short_mac(proof, covered).hex().upper())
        return bytes(shown)


def factory_files() -> dict[int, StandardFile]:
    """Capability container, NDEF file and the protected file, as delivered (8.2.3)."""
    capability = bytes.fromhex("001720010000ff0406e104010000000506e10500808283")
    return {
        1: StandardFile(0xE103, bytearray(capability.ljust(32, b"\0")), PLAIN, FREE, 0, 0, 0),
        2: StandardFile(0xE104, bytearray(256), PLAIN, FREE, FREE, FREE, 0),
        3: StandardFile(0xE105, bytearray(b"\x00\x7e".ljust(128, b"\0")), FULL, 2, 3, 3, 0),
    }
