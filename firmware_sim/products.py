"""What the simulated hospital stocks: eight vaccines and drugs of an invented maker with a Vietnamese GS1 prefix."""

from dataclasses import dataclass

from firmware_sim.gs1_text import check_digit

COMPANY_PREFIX = "893850123"
"""893 is GS1 Viet Nam; the maker is invented."""


@dataclass(frozen=True)
class Product:
    """One product as packed."""

    gtin: str
    """GTIN-14 of the pack."""
    name_vi: str
    name_en: str
    registration_number: str
    """Marketing authorisation in Viet Nam; the number is invented, its shape is not."""
    base_unit_vi: str
    base_unit_en: str
    units_per_pack: int


_CATALOGUE = (
    (
        "Vắc xin 6 trong 1 (bạch hầu, ho gà, uốn ván, bại liệt, viêm gan B, Hib)",
        "Hexavalent vaccine (DTaP-IPV-HepB-Hib)",
        "893310036724",
        "liều",
        "dose",
        1,
    ),
    ("Vắc xin phế cầu liên hợp 13 týp", "Pneumococcal conjugate vaccine, 13-valent", "893310041824", "liều", "dose", 1),
    ("Vắc xin rotavirus sống, uống", "Rotavirus vaccine, live, oral", "QLVX-1087-18", "liều", "dose", 10),
    ("Vắc xin sởi - quai bị - rubella", "Measles, mumps and rubella vaccine", "QLVX-1122-19", "lọ", "vial", 10),
    ("Vắc xin viêm gan B trẻ em 10 µg/0,5 ml", "Hepatitis B vaccine, 10 µg/0.5 ml", "QLVX-0894-15", "lọ", "vial", 10),
    ("Ceftriaxon 1 g, bột pha tiêm", "Ceftriaxone 1 g, powder for injection", "893110152324", "lọ", "vial", 10),
    ("Paracetamol 150 mg, thuốc đạn", "Paracetamol 150 mg, suppository", "893100208123", "viên", "suppository", 10),
    (
        "Salbutamol 2,5 mg/2,5 ml, dung dịch khí dung",
        "Salbutamol 2.5 mg/2.5 ml, nebuliser solution",
        "VD-30605-18",
        "ống",
        "ampoule",
        20,
    ),
)


def all_products() -> tuple[Product, ...]:
    """The catalogue, always the same."""
    products = []
    for number, description in enumerate(_CATALOGUE, start=1):
        digits = f"0{COMPANY_PREFIX}{number:03d}"
        products.append(Product(digits + check_digit(digits), *description))
    return tuple(products)
