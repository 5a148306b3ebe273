// The lines of the draft, on the screen and under the keyboard.
import { Draft } from "./work_draft.js";
import { say, words } from "./work_feedback.js";
import { fieldValues, form } from "./work_form.js";

export const draft = new Draft(`${form.dataset.user}:${form.dataset.draft}`);
export const sides = (form.dataset.sides || "lines").split(",");
export const table = document.querySelector("#lines tbody");
let side = sides[0];

export function keep() {
  draft.fields = fieldValues();
  draft.save();
}

export function show() {
  table.replaceChildren(...draft.lines.map((each, place) => row(each, place)));
  document.getElementById("no-lines").hidden = draft.lines.length > 0;
  document.getElementById("line-count").textContent = draft.lines.length;
  for (const field of form.elements) if (field.id !== "scan") field.disabled = Boolean(draft.sending);
  showTotals();
  for (const each of document.querySelectorAll("[data-side]")) each.classList.toggle("chosen", each.dataset.side === side);
}

// Always day/month/year: a browser's own date field shows them in the order of the browser's language.
function dayShown(iso) {
  return iso ? iso.split("-").reverse().join("/") : "";
}

// YYYY-MM-DD; null if nothing is entered, undefined if it is no date.
function dayRead(text) {
  if (!text.trim()) return null;
  const found = /^(\d{1,2})[/. -]?(\d{1,2})[/. -]?(\d{4}|\d{2})$/.exec(text.trim());
  if (!found) return undefined;
  const [, day, month, year] = found.map(Number);
  const date = new Date(Date.UTC(year < 100 ? 2000 + year : year, month - 1, day));
  return date.getUTCDate() === day && date.getUTCMonth() === month - 1 ? date.toISOString().slice(0, 10) : undefined;
}

// Of each product that is expected: how much of it is in the lines.
function showTotals() {
  for (const each of document.querySelectorAll("[data-scanned]")) {
    const same = draft.lines.filter((one) => one.product_id === each.dataset.scanned);
    each.textContent = same.reduce((sum, one) => sum + one.quantity, 0);
  }
}

function row(each, place) {
  const made = document.getElementById("line-row").content.cloneNode(true).firstElementChild;
  made.dataset.place = place;
  made.querySelector(".line-name").textContent = each.name;
  made.querySelector(".line-code").textContent = [each.product_id, each.serial_number].filter(Boolean).join(" · ");
  made.querySelector(".line-side").textContent = sides.length > 1 ? document.querySelector(`[data-side="${each.side}"]`).textContent : "";
  made.querySelector(".line-unit").textContent = each.units > 1 ? `${each.unit} (${each.units} ×)` : each.unit;
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
  made.querySelector(".line-quantity").value = each.quantity;
  return made;
}

function edited(event) {
  const place = Number(event.target.closest("tr")?.dataset.place);
  const each = draft.lines[place];
  if (!each || draft.sending) return;
  draft.remember();
  if (event.target.matches(".line-quantity")) each.quantity = Math.max(0, Math.round(Number(event.target.value) || 0));
  if (event.target.matches(".line-expiry")) {
    const day = dayRead(event.target.value);
    if (day === undefined) say("attention", words.noDate, words.noDateSentence);
    else each.expiry_date = day;
    event.target.value = dayShown(each.expiry_date);
  }
  if (event.target.matches(".line-lot")) {
    each.lot = event.target.value.trim();
    const known = each.lots?.find((one) => one.lot === each.lot);
    if (known) each.expiry_date = known.expiry_date;
    event.target.closest("tr").querySelector(".line-expiry").value = dayShown(each.expiry_date);
  }
  keep();
  showTotals(); // the rows stay as they are: the focus is on its way to the next field
}

export function add(read) {
  const found = read.line;
  const twin = draft.lines.find((one) => one.side === side && one.product_id === found.product_id && one.gtin === found.gtin
    && one.lot === found.lot && one.expiry_date === found.expiry_date && one.serial_number === found.serial_number);
  if (twin?.serial_number) return say("attention", words.again, words.againSentence);
  draft.remember();
  if (twin) {
    twin.quantity += found.units;
    draft.lines = [twin, ...draft.lines.filter((one) => one !== twin)];
  } else {
    draft.lines.unshift({ ...found, side, quantity: found.units });
  }
  keep();
  show();
  say(read.mood, read.word, read.sentence, read.technical);
  if (found.lot === null) table.querySelector(".line-lot")?.focus();
}

// "*3": three packs of the newest line; "=120": so many base units of it.
export function count(text) {
  const newest = draft.lines[0];
  if (!newest) return say("attention", words.scanFirst);
  const number = Number(text.slice(1));
  draft.remember();
  newest.quantity = newest.serial_number ? newest.units : text[0] === "=" ? number : number * newest.units;
  keep();
  show();
  say("ok", `${newest.quantity} ${newest.unit}`, newest.name);
}

export function nextSide() {
  side = sides[(sides.indexOf(side) + 1) % sides.length];
  show();
}

// F4: all that the order or transfer says, to be corrected where it differs.
export function expected() {
  if (draft.sending || !form.dataset.expected) return;
  draft.remember();
  draft.lines = JSON.parse(form.dataset.expected).map((each) => ({ ...each, side }));
  keep();
  show();
  say("info", words.filled, words.filledSentence);
}

function removed(event) {
  if (!event.target.closest(".line-remove") || draft.sending) return;
  draft.remember();
  draft.lines.splice(Number(event.target.closest("tr").dataset.place), 1);
  keep();
  show();
  document.getElementById("scan").focus();
}

table.addEventListener("change", edited);
table.addEventListener("click", removed);
for (const each of document.querySelectorAll("[data-side]")) {
  each.addEventListener("click", () => {
    side = each.dataset.side;
    show();
    document.getElementById("scan").focus();
  });
}
