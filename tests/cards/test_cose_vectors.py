"""Published vectors of CBOR, COSE and CMAC and ECDSA: what others signed is read, and what they broke is refused."""

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from cards.aes import cmac, same
from cards.cose.cbor import CoseError, decode, encode
from cards.cose.sign1 import EDDSA, ES256, ES384, PS256, Sign1, check_signature, parse, sign
from cards.verification import judge
from tests.cards.fake_piv import GUID, NOW, CardCa
from tests.inventory.published_vectors import load_vectors, short_id

# cose-wg/Examples, sign1-tests/sign-pass-03 and its key
X = "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8"
Y = "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4"
UNTAGGED = (
    "8443A10126A10442313154546869732069732074686520636F6E74656E742E58408EB33E4CA31D1C465AB05AAC34CC6B23D58FEF5C08310"
    "6C4D25A91AEF0B0117E2AF9A291AA32E14AB834DC56ED2A223444547E01F11D3B0916E5A4C345CACB36"
)


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")


def key_of(jwk: dict[str, Any]) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), ec.SECP256R1()).public_key()


CA = CardCa()
KEY = key_of({"x": X, "y": Y})


def test_a_message_that_the_working_group_signed_is_verified() -> None:
    data = bytes.fromhex(UNTAGGED)
    assert parse(data, exact=False, tagged=False).verify(KEY) == b"This is the content."
    with pytest.raises(CoseError, match="expected CBOR tag 18"):
        parse(data, exact=False)
    with pytest.raises(CoseError, match="not of this key"):
        parse(data, exact=False, tagged=False).verify(KEY, b"\x00")


def test_what_we_sign_is_read_again_and_bound_to_its_context() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signed = sign(b"content", b"kid", lambda message: key.sign(message, ec.ECDSA(hashes.SHA256())), b"card 1")
    again = parse(signed.encode())
    assert (again, again.algorithm, again.key_id) == (signed, ES256, b"kid")
    assert again.verify(key.public_key(), b"card 1") == b"content"
    with pytest.raises(CoseError, match="not of this key"):
        again.verify(key.public_key(), b"card 2")


def test_the_algorithm_counts_only_where_it_is_signed() -> None:
    outside = Sign1(b"", {1: ES256}, b"x", bytes(64))
    with pytest.raises(CoseError, match="None in the protected header"):
        outside.verify(KEY)
    none = Sign1(encode({1: 0}), {}, b"x", b"")
    with pytest.raises(CoseError, match="expected one of"):
        none.verify(KEY)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "9f01ff",  # indefinite length
        "a201020103",  # a key twice
        "fb3ff199999999999a",  # a float
        "c11a514b67b0",  # a time
        "c249010000000000000000",  # a number beyond 64 bits
        "0000",  # something behind it
        "1817",  # 23 in two bytes
        "81" * 9 + "00",  # too deep
        "d9010281" + "01",  # a set
        "f7",  # undefined
        "a1f500",  # a truth value as key: for Python, true is 1
        "a1a000",  # a map as key
        "a1810000",  # an array as key
        "a1410000",  # bytes as key
    ],
)
def test_data_in_another_form_than_the_one_are_refused(wrong: str) -> None:
    with pytest.raises(CoseError):
        decode(bytes.fromhex(wrong))


def test_published_cbor() -> None:
    """Refused, with reason: floating point numbers, which nothing here has, other forms than the one."""
    for vector in load_vectors("cose_cbor_jose_dcc"):
        if vector["kind"] != "cbor_appendix_a":
            continue
        data = bytes.fromhex(vector["cbor_hex"])
        if isinstance(vector["decoded"], float) or not vector["roundtrip"]:
            with pytest.raises(CoseError):
                decode(data)
        else:
            assert decode(data) == vector["decoded"], short_id(vector)
            assert encode(vector["decoded"]) == data, short_id(vector)


def public_key(jwk: dict[str, Any]) -> PublicKeyTypes:
    if jwk["kty"] == "OKP":
        hexadecimal = jwk.get("x_hex")
        raw = bytes.fromhex(hexadecimal) if hexadecimal else base64.urlsafe_b64decode(jwk["x"] + "==")
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}[jwk["crv"]]
    return ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), curve).public_key()


ANY = (ES256, ES384, EDDSA, PS256)


def test_published_cose_signatures() -> None:
    """Refused though valid, with reason: an algorithm outside of what is signed (sign-pass-01) could be exchanged."""
    for vector in load_vectors("cose_cbor_jose_dcc"):
        if not vector["kind"].startswith("cose_sign1_"):
            continue
        external = bytes.fromhex(vector["external_aad"] or "")
        data, tagged = bytes.fromhex(vector["cbor_hex"]), not (vector["note"] or "").startswith("untagged")
        expected = vector["valid"] and not vector["title"].startswith("sign-pass-01")
        try:
            message = parse(data, exact=False, tagged=tagged)
            found = message.verify(public_key(vector["key"]), external, allowed=ANY).decode()
        except CoseError:
            assert not expected, (short_id(vector), vector["title"])
        else:
            assert expected, (short_id(vector), vector["title"])
            assert found == vector["plaintext"]


def test_published_health_certificates() -> None:
    """EU digital certificates of several countries: the signature alone, by ES256 or PS256."""
    for vector in load_vectors("cose_cbor_jose_dcc"):
        if vector["kind"] != "eu_dcc":
            continue
        certificate = x509.load_der_x509_certificate(base64.b64decode(vector["certificate_b64"]))
        expected = vector["recomputed_here"]["signature_valid"]
        try:
            message = parse(bytes.fromhex(vector["cose_hex"]), exact=False)
            message.verify(certificate.public_key(), allowed=ANY)
        except CoseError:
            assert not expected, (short_id(vector), vector["file"])
        else:
            assert expected, (short_id(vector), vector["file"])


def test_published_macs() -> None:
    """Those with keys of 128 bits: no card here has longer ones."""
    for vector in load_vectors("crypto"):
        if vector["kind"].startswith("aes_cmac") and len(vector["key"]) == 32:
            tag = cmac(bytes.fromhex(vector["key"]), bytes.fromhex(vector["message"]))
            assert same(tag, bytes.fromhex(vector["tag"])) == vector["valid"], short_id(vector)


def test_published_ecdsa_signatures_as_cards_give_them() -> None:
    """Wycheproof's DER signatures, judged as a card's proof over the message."""
    for vector in load_vectors("crypto"):
        if not vector["kind"].startswith("es256_der_"):
            continue
        point = bytes.fromhex(vector["public_key_uncompressed"])
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        message, signature = bytes.fromhex(vector["message"]), bytes.fromhex(vector["signature"])
        found = judge(CA.issue(key), message, signature, GUID.hex(), CA.anchors, NOW)
        assert (found.verdict == "genuine") == vector["valid"], (short_id(vector), vector["comment"])


def test_published_ecdsa_signatures_as_cose_has_them() -> None:
    for vector in load_vectors("crypto"):
        if not vector["kind"].startswith("es256_p1363_"):
            continue
        point = bytes.fromhex(vector["public_key_uncompressed"])
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        try:
            check_signature(ES256, key, bytes.fromhex(vector["signature"]), bytes.fromhex(vector["message"]))
        except (InvalidSignature, ValueError):
            assert not vector["valid"], (short_id(vector), vector["comment"])
        else:
            assert vector["valid"], (short_id(vector), vector["comment"])


def test_what_of_the_published_vectors_binds_nothing_here() -> None:
    """Primitives that the library `cryptography` brings and that are used as they are; JWS, which no card here has."""
    kinds = {each["kind"] for name in ("crypto", "cose_cbor_jose_dcc") for each in load_vectors(name)}
    tested = ("aes_cmac", "es256_", "cbor_", "cose_sign1_", "eu_dcc")
    assert {kind.split("_")[0] for kind in kinds if not kind.startswith(tested)} <= {"ed25519", "aes", "hkdf", "jws"}
