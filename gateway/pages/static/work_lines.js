// The lines of the draft, on the screen and under the keyboard.
import { Draft } from "./work_draft.js";
import { say, words } from "./work_feedback.js";
import { fieldValues, form } from "./work_form.js";
import { dayRead, dayShown, row } from "./work_row.js";

export const draft = new Draft(`${form.dataset.user}:${form.dataset.draft}`);
export const sides = (form.dataset.sides || "lines").split(",");
export const table = document.querySelector("#lines tbody");
const byProduct = form.dataset.by === "product"; // a line is so much of a product: which lot is not said here
let side = sides[0];

export function keep() {
  draft.fields = fieldValues();
  draft.save();
}

export function show() {
  table.replaceChildren(...draft.lines.map((each, place) => row(each, place, sides)));
  document.getElementById("no-lines").hidden = draft.lines.length > 0;
  document.getElementById("line-count").textContent = draft.lines.length;
  for (const field of form.elements) if (field.id !== "scan") field.disabled = Boolean(draft.sending);
  showTotals();
  for (const each of document.querySelectorAll("[data-side]")) each.classList.toggle("chosen", each.dataset.side === side);
}

// Of each product that is expected: how much of it is in the lines.
function showTotals() {
  const sum = (lines) => lines.reduce((all, one) => all + one.quantity, 0);
  for (const each of document.querySelectorAll("[data-scanned]")) {
    each.textContent = sum(draft.lines.filter((one) => one.product_id === each.dataset.scanned && !one.placeholder));
  }
  for (const each of document.querySelectorAll("[data-side-sum]")) {
    each.textContent = sum(draft.lines.filter((one) => one.side === each.dataset.sideSum));
  }
}

function edited(event) {
  const place = Number(event.target.closest("tr")?.dataset.place);
  const each = draft.lines[place];
  if (!each || draft.sending) return;
  draft.remember();
  const packUnits = event.target.closest("tr").querySelector(".line-pack") ? each.pack_units || 1 : 1;
  if (event.target.matches(".line-quantity")) each.quantity = Math.max(0, Math.round(Number(event.target.value) || 0)) * packUnits;
  if (event.target.matches(".line-pack")) { // the number stays, what it counts changes
    each.quantity = (each.quantity / packUnits) * Number(event.target.value);
    each.pack_units = Number(event.target.value);
  }
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
    each.placeholder = false; // it is there, not only expected
  }
  keep();
  showTotals(); // the rows stay as they are: the focus is on its way to the next field
}

// Asked for is so much of a product, whichever pack of it was scanned.
function ofProduct(line) {
  return { ...line, lot: "", expiry_date: null, gtin: null, serial_number: null, lots: [], pack_units: line.units };
}

function twinOf(found) {
  const same = (one) => byProduct || (one.gtin === found.gtin && one.lot === found.lot && one.expiry_date === found.expiry_date
    && one.serial_number === found.serial_number);
  return draft.lines.find((one) => !one.placeholder && one.side === side && one.product_id === found.product_id && same(one));
}

// What is made of a lot is of this lot: what is made takes it over, if there is only one.
function lotOfSources(found) {
  if (side === sides[0] || found.lot !== null) return;
  const lots = draft.lines.filter((one) => one.side === sides[0] && one.product_id === found.product_id && one.lot !== null);
  if (new Set(lots.map((one) => one.lot)).size !== 1) return;
  found.lot = lots[0].lot;
  found.expiry_date = lots[0].expiry_date;
}

// A line that was only taken over from the order gives way to what is really there.
function lessExpected(found, units) {
  const expectedLine = draft.lines.find((one) => one.placeholder && one.product_id === found.product_id);
  if (!expectedLine || expectedLine === found || found.lot === null || units <= 0) return;
  expectedLine.quantity -= units;
  if (expectedLine.quantity <= 0) draft.lines = draft.lines.filter((one) => one !== expectedLine);
}

export function add(read) {
  const found = byProduct ? ofProduct(read.line) : read.line;
  lotOfSources(found);
  const twin = twinOf(found);
  if (twin?.serial_number) return say("attention", words.again, words.againSentence);
  draft.remember();
  lessExpected(found, found.units);
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

// The first line whose lot nobody has said: it is asked for before anything is saved.
export function focusMissingLot() {
  const place = byProduct ? -1 : draft.lines.findIndex((one) => one.lot === null && one.quantity > 0);
  if (place >= 0) table.querySelector(`[data-place="${place}"] .line-lot`)?.focus();
  return place >= 0;
}

// "*3": three packs of the newest line; "=120": so many base units of it.
export function count(text) {
  const newest = draft.lines[0];
  if (!newest) return say("attention", words.scanFirst);
  const number = Number(text.slice(1));
  draft.remember();
  const before = newest.quantity;
  newest.quantity = newest.serial_number ? newest.units : text[0] === "=" ? number : number * newest.units;
  lessExpected(newest, newest.quantity - before);
  keep();
  show();
  say("ok", `${newest.quantity} ${newest.unit}`, newest.name);
}

export function nextSide() {
  side = sides[(sides.indexOf(side) + 1) % sides.length];
  show();
}

// F4: the rest of what the order, transfer or suggestion says, to be corrected where it differs. What is taken apart and
// not made into anything yet becomes loose units.
export function expected() {
  if (draft.sending) return;
  const wanted = sides.length > 1 ? sourcesLoose() : form.dataset.expected ? JSON.parse(form.dataset.expected) : [];
  const missing = wanted.map((each) => ({ ...each, quantity: each.quantity - thereOf(each) })).filter((each) => each.quantity > 0);
  if (!missing.length) return;
  draft.remember();
  draft.lines = [...draft.lines, ...missing.map((each) => ({ ...each, side: sides.at(-1), placeholder: each.lot === null && !byProduct }))];
  keep();
  show();
  say("info", words.filled, words.filledSentence);
}

function thereOf(each) {
  const same = draft.lines.filter((one) => one.side === sides.at(-1) && one.product_id === each.product_id && (each.lot === null
    || byProduct || (one.lot === each.lot && (!each.serial_number || one.serial_number === each.serial_number))));
  return same.reduce((sum, one) => sum + one.quantity, 0);
}

function sourcesLoose() {
  const loose = new Map();
  for (const one of draft.lines.filter((each) => each.side === sides[0])) {
    const key = `${one.product_id}\n${one.lot}`;
    const same = loose.get(key) ?? { ...one, gtin: null, serial_number: null, scan_text: null, units: 1, quantity: 0 };
    loose.set(key, { ...same, quantity: same.quantity + one.quantity });
  }
  return [...loose.values()];
}

// A page that begins with what it is about, such as an order to be changed.
export function fillAtStart() {
  if (form.dataset.fill === undefined || draft.restored) return false;
  draft.lines = JSON.parse(form.dataset.expected).map((each) => ({ ...each, side }));
  show();
  return true;
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
