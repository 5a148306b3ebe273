// One line of the draft as a row of the table.
// Always day/month/year: a browser's own date field shows them in the order of the browser's language.
export function dayShown(iso) {
  return iso ? iso.split("-").reverse().join("/") : "";
}

// YYYY-MM-DD; null if nothing is entered, undefined if it is no date.
export function dayRead(text) {
  if (!text.trim()) return null;
  const found = /^(\d{1,2})[/. -]?(\d{1,2})[/. -]?(\d{4}|\d{2})$/.exec(text.trim());
  if (!found) return undefined;
  const [, day, month, year] = found.map(Number);
  const date = new Date(Date.UTC(year < 100 ? 2000 + year : year, month - 1, day));
  return date.getUTCDate() === day && date.getUTCMonth() === month - 1 ? date.toISOString().slice(0, 10) : undefined;
}

function showUnit(made, each) {
  made.querySelector(".line-unit").textContent = each.units > 1 ? `${each.unit} (${each.units} ×)` : each.unit;
  made.querySelector(".line-quantity").value = each.quantity;
}

// Of an order's line: what it is counted in, and how many of these it is.
function showPacks(made, each) {
  const pack = made.querySelector(".line-pack");
  if (each.quantity % (each.pack_units || 1)) each.pack_units = 1;
  const sizes = new Set([1, each.pack_units || 1, ...(each.packs ?? []).map((one) => one.units)]);
  pack.replaceChildren(...[...sizes].sort((a, b) => a - b).map((units) =>
    new Option(units > 1 ? `${units} × ${each.unit}` : each.unit, units, false, units === (each.pack_units || 1))));
  made.querySelector(".line-quantity").value = each.quantity / (each.pack_units || 1);
}

export function row(each, place, sides) {
  const made = document.getElementById("line-row").content.cloneNode(true).firstElementChild;
  made.dataset.place = place;
  made.querySelector(".line-name").textContent = each.name;
  made.querySelector(".line-code").textContent = [each.product_id, each.serial_number].filter(Boolean).join(" · ");
  made.querySelector(".line-side").textContent = sides.length > 1 ? document.querySelector(`[data-side="${each.side}"]`).firstChild.textContent : "";
  if (made.querySelector(".line-pack")) showPacks(made, each);
  else showUnit(made, each);
  const lot = made.querySelector(".line-lot");
  lot.value = each.lot ?? "";
  lot.readOnly = Boolean(each.serial_number);
  if (each.lots?.length) {
    const list = made.querySelector("datalist");
    list.id = `lots-${place}`;
    list.replaceChildren(...each.lots.map((one) => new Option(`${one.on_hand} ${each.unit} · ${one.expiry_date ?? ""}`, one.lot)));
    lot.setAttribute("list", list.id);
  }
  made.querySelector(".line-expiry").value = dayShown(each.expiry_date);
  return made;
}
