"""What is wrong with a catalogue file, in the reader's language: what was expected, and what mends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.pages.translations import N_
from inventory.catalogue_row import Finding


@dataclass(frozen=True)
class Words:
    """Of one code of a finding. Both are msgids, filled with the finding's values."""

    what: str
    mend: str


_AS_TEXT: Final = N_("Format the column as text, enter the value anew and save.")
_FILL_IN: Final = N_("Fill the cell in.")
_CORRECT: Final = N_("Correct the cell.")
_LOOK: Final = N_("Compare with the pack; if it is right, nothing is to be done.")
_SAVE_XLSX: Final = N_("Open it in the spreadsheet program and save it as an Excel workbook (.xlsx) or as CSV.")
_ONE_OF_TWO: Final = N_("Keep one of the two.")
_CATALOGUE_FIRST: Final = N_("Enter it first, or correct the code.")
_DATE_FORM: Final = N_("Write it as 31/12/2027, or as 12/2027 for the last day of the month.")
_NUMBER_FORM: Final = N_("Write only digits, as in 1000.")

WORDS: Final[Mapping[str, Words]] = MappingProxyType(
    {
        # The file
        "file_too_large": Words(N_("The file is too large: at most %(limit)s MB."), N_("Split it into several files.")),
        "too_many_rows": Words(N_("The table has more than %(limit)s rows."), N_("Split it into several files.")),
        "old_workbook": Words(N_("This is a workbook of the old kind (.xls)."), _SAVE_XLSX),
        "not_a_table": Words(N_("This is no table: expected CSV or an Excel workbook."), _SAVE_XLSX),
        "broken_workbook": Words(N_("The workbook is damaged and can't be opened."), _SAVE_XLSX),
        "encoding": Words(N_("Line %(line)s has a byte %(byte)s that is no letter."), _SAVE_XLSX),
        "empty_file": Words(
            N_("There is no row below the header."), N_("Check that the first sheet has a header and rows.")
        ),
        # The header
        "unknown_column": Words(
            N_("No column has this name; the nearest is %(other)s."), N_("Rename the column or remove it.")
        ),
        "double_column": Words(N_("It means the same as the column %(other)s."), N_("Remove one of the two columns.")),
        "missing_column": Words(N_("A column is missing: %(other)s."), N_("Add the column.")),
        "unnamed_column": Words(N_("Something stands below a header cell that is empty."), N_("Name the column.")),
        # Any cell
        "required": Words(N_("Nothing stands here, but something must."), _FILL_IN),
        "required_new": Words(N_("Product %(product)s is new and needs this."), _FILL_IN),
        "formula_without_value": Words(
            N_("The formula's result was not saved with the file."),
            N_("Open the file in the spreadsheet program, let it calculate and save."),
        ),
        "excel_error": Words(N_("The formula results in an error."), _CORRECT),
        "text_is_date": Words(N_("The spreadsheet has made a date of it."), _AS_TEXT),
        "text_is_number": Words(N_("The spreadsheet has made a number of it that is not whole or too long."), _AS_TEXT),
        "character": Words(N_("It has a character that can't be shown (%(character)s)."), N_("Type the text anew.")),
        "too_long": Words(N_("It has %(length)s characters, at most %(limit)s are possible."), N_("Shorten it.")),
        "choice": Words(N_("Expected one of: %(allowed)s."), _CORRECT),
        "yes_no": Words(N_("Expected yes or no."), _CORRECT),
        "digits_lost": Words(N_("The spreadsheet has shortened a long number, digits are lost."), _AS_TEXT),
        "number_cell": Words(
            N_("It is a number: zeros at its beginning would be lost."),
            N_("Compare with the pack; a text column is safer."),
        ),
        # Numbers
        "number_format": Words(N_("This is no number."), _NUMBER_FORM),
        "number_ambiguous": Words(N_("It can be read as %(one)s or as %(other)s."), _NUMBER_FORM),
        "number_not_whole": Words(N_("Expected a whole number of base units."), _NUMBER_FORM),
        "number_range": Words(N_("Expected a number from %(low)s to %(high)s."), _CORRECT),
        # GTIN
        "gtin_length": Words(N_("A GTIN has 8, 12, 13 or 14 digits; this one has %(length)s."), _AS_TEXT),
        "gtin_character": Words(N_("A GTIN has only digits."), _CORRECT),
        "gtin_check_digit": Words(
            N_("The check digit is wrong: expected %(digit)s at the end."), N_("Scan the pack into the cell.")
        ),
        "gtin_zeros": Words(N_("Zeros at the beginning were lost; read as %(gtin)s."), _LOOK),
        "gtin_of_two_packs": Words(N_("The same GTIN stands for two packs of this product."), _ONE_OF_TWO),
        "gtin_of_two_products": Words(N_("This GTIN stands at product %(product)s in row %(row)s too."), _ONE_OF_TWO),
        "gtin_of_other_product": Words(
            N_("This GTIN belongs to product %(product)s."), N_("Correct the GTIN, or enter the pack at that product.")
        ),
        "pack_count_missing": Words(N_("Without it nobody knows how much is in %(pack)s."), _FILL_IN),
        "pack_description": Words(
            N_("Expected how many base units are in it, as a number."), N_("For 10 blisters of 10 tablets write 100.")
        ),
        # Dates
        "date_format": Words(N_("This is no date."), _DATE_FORM),
        "date_short_year": Words(N_("A year of two digits can be read several ways."), _DATE_FORM),
        "date_impossible": Words(N_("This day does not exist."), _DATE_FORM),
        "date_range": Words(N_("Expected a year from %(low)s to %(high)s."), _CORRECT),
        "date_serial": Words(N_("The spreadsheet shows a date as a number; read as %(date)s."), _LOOK),
        "date_swapped": Words(
            N_("The spreadsheet has swapped day and month of some dates of this column."),
            N_("Format the column as text and enter the dates anew."),
        ),
        "production_future": Words(N_("The date of manufacture lies in the future."), _CORRECT),
        "expiry_before_production": Words(N_("It expires before it was made (%(production)s)."), _CORRECT),
        "expired": Words(N_("It has expired."), _LOOK),
        "expiry_later": Words(N_("Until now the expiry date was %(old)s, which is earlier."), _LOOK),
        "expiry_differs": Words(
            N_("The catalogue has another expiry date for this lot: %(old)s."),
            N_("Compare with the pack; mend the wrong one."),
        ),
        "no_expiry": Words(N_("Nothing says when it expires."), N_("Fill it in if the pack says it.")),
        # Codes and rows
        "registration_form": Words(N_("%(numbers)s does not look like a registration number."), _LOOK),
        "lot_long": Words(N_("A lot in a code on a pack has at most %(limit)s characters."), _LOOK),
        "place_id": Words(
            N_("Expected small letters a to z, digits and hyphens, at most 63."), N_("Write for example kho-chinh.")
        ),
        "twice": Words(N_("The same stands in row %(row)s already."), _ONE_OF_TWO),
        "contradicts_row": Words(N_("Row %(row)s says: %(other)s."), N_("Let both rows say the same.")),
        "own_parent": Words(N_("A place can't stand in itself."), _CORRECT),
        "parent_circle": Words(N_("The places would stand in each other: %(circle)s."), _CORRECT),
        "max_below_min": Words(N_("The maximum is below the minimum, %(other)s."), _CORRECT),
        "reorder_above_max": Words(N_("The reorder point is above the maximum, %(other)s."), _CORRECT),
        # The database
        "unknown_product": Words(N_("This product is not in the catalogue."), _CATALOGUE_FIRST),
        "unknown_place": Words(N_("There is no such place."), _CATALOGUE_FIRST),
        "base_unit_with_stock": Words(
            N_("There is stock counted in the base unit %(old)s."),
            N_("Use up or write off the stock first, or enter a new product."),
        ),
        "pack_size_with_stock": Words(
            N_("There is stock, and pack %(gtin)s has held %(old)s units until now."),
            N_("Use up or write off the stock first, or enter the new pack with its own GTIN."),
        ),
        "retired_with_stock": Words(N_("There is still stock of it; it can be used up."), _LOOK),
        "retired_opened": Words(N_("This product is retired."), _LOOK),
        "controlled_opened": Words(
            N_("A medicine under special control: it is not booked before a second person has counted it."),
            N_("After the import, let somebody else open the receipt that waits, count, and confirm it."),
        ),
        "quarantined_opened": Words(
            N_("This product is quarantined on receipt: it is held until two people release it."), _LOOK
        ),
        "opening_differs": Words(
            N_("The books were opened with %(old)s of it."), N_("Book a count or an adjustment instead.")
        ),
    }
)
OTHER: Final = Words(N_("This value can't be used."), _CORRECT)


def words_of(finding: Finding) -> Words:
    """What to say of it."""
    return WORDS.get(finding.code, OTHER)


STORAGE: Final = MappingProxyType(
    {
        "room": N_("Room, below 30 °C"),
        "cool": N_("Cool, 8 to 15 °C"),
        "refrigerator": N_("Refrigerator, 2 to 8 °C"),
        "freezer": N_("Freezer"),
        "ultra_cold": N_("Deep freezer"),
    }
)
CONTROL: Final = MappingProxyType(
    {
        "none": "",
        "narcotic": N_("Narcotic"),
        "psychotropic": N_("Psychotropic"),
        "precursor": N_("Precursor"),
        "toxic": N_("Toxic"),
    }
)
PLACE_KINDS: Final = MappingProxyType(
    {
        "site": N_("Hospital site"),
        "store": N_("Store"),
        "fridge": N_("Fridge"),
        "shelf": N_("Shelf"),
        "ward": N_("Ward"),
        "desk": N_("Desk"),
    }
)
IMPORT_KINDS: Final = MappingProxyType(
    {
        "products": N_("Products"),
        "lots": N_("Lots"),
        "places": N_("Places"),
        "levels": N_("Stock levels"),
        "opening-stock": N_("Opening stock"),
    }
)
VERDICTS: Final = MappingProxyType(
    {"new": N_("New"), "changed": N_("Changed"), "same": N_("As before"), "problem": N_("Problem")}
)
FIELDS: Final = MappingProxyType(
    {
        "name_vi": N_("Vietnamese name"),
        "name_en": N_("English name"),
        "active_ingredient": N_("Active ingredient"),
        "strength": N_("Strength"),
        "dosage_form": N_("Dosage form"),
        "storage_class": N_("Storage"),
        "control_class": N_("Special control"),
        "base_unit_vi": N_("Base unit"),
        "base_unit_en": N_("English base unit"),
        "unit_cost_vnd": N_("Unit cost"),
        "quarantine_on_receipt": N_("Quarantine on receipt"),
        "stability_minutes": N_("Minutes allowed above the limit"),
        "stability_celsius": N_("Never warmer than (°C)"),
        "stability_source": N_("Where the allowance comes from"),
        "retired": N_("Retired"),
        "registration_numbers": N_("Registration numbers"),
        "expiry_date": N_("Expiry"),
        "production_date": N_("Manufactured"),
        "parent_place_id": N_("Within"),
        "kind": N_("Kind"),
        "reorder_point": N_("Reorder point"),
        "min_units": N_("Minimum"),
        "max_units": N_("Maximum"),
    }
)
