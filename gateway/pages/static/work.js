// A work page: scans become lines, lines become one document. It says "saved" only when the server has said so.
import { feedback, offerSound, say, words } from "./work_feedback.js";
import { ask, emptyOnce, fieldValues, form, putFields } from "./work_form.js";
import { add, count, draft, expected, fillAtStart, focusMissingLot, keep, nextSide, show, sides, table } from "./work_lines.js";
import { refresh } from "./work_refresh.js";
import { listen } from "./work_scanner.js";
import { closeFound, offerFound } from "./work_search.js";
import { separator } from "./work_separator.js";

const RETRY_MS = 2500;
const scanField = document.getElementById("scan");
const confirmButton = document.getElementById("confirm");
let leaving = false; // Esc was pressed once
let running = false; // one thing after the other: scans in their order, then the document
let confirmNext = false; // as soon as all scans are read
let lotAsked = false; // once for each change of the lines
const typed = new Set(); // what a person typed: if it is no code, products are looked for by it

// Scans -------------------------------------------------------------------------------------------------------------
function take(text, scanned = false) {
  closeFound();
  if (draft.sending) return say("attention", words.notSaved, words.notSavedSentence);
  leaving = false;
  lotAsked = false;
  const command = { "MT-OK": confirm, "MT-UNDO": undo, "MT-CANCEL": cancel, "MT-SIDE": nextSide }[text.toUpperCase()];
  if (command) return command();
  if (form.dataset.orders && /^DH\d\d-\d{6}$/i.test(text)) return location.assign(form.dataset.orders + text);
  if (!text) return draft.lines.length && confirmButton.focus();
  if (/^[*=]\d{1,6}$/.test(text)) return count(text);
  if (!scanned) typed.add(text);
  draft.waiting.push(text);
  keep();
  run();
}

async function run() {
  if (running) return;
  running = true;
  while (draft.waiting.length || draft.sending) {
    const answered = draft.waiting.length ? await readNext() : await send();
    if (!answered) await new Promise((go) => { setTimeout(go, RETRY_MS); });
    if (confirmNext && !draft.waiting.length && !draft.sending) begin();
  }
  running = false;
}

async function readNext() {
  const text = draft.waiting[0];
  const answer = await ask(form.dataset.parse, {
    texts: [text], act: form.dataset.act, separator: separator(),
    from_place_id: fieldValues()[form.dataset.takeFrom] || null,
  });
  if (!answer) { // no link: the scan waits
    say("attention", words.offline, words.offlineSentence.replace("{n}", draft.waiting.length));
    return false;
  }
  draft.waiting.shift();
  draft.save();
  const byHand = typed.delete(text);
  if (!answer.ok) refused(answer);
  else if (answer.body.line) add(answer.body);
  else {
    confirmNext = false; // somebody has to look first
    if (byHand && await offerFound(text, take)) return true;
    say(answer.body.mood, answer.body.word, answer.body.sentence, answer.body.technical);
  }
  return true;
}

function refused(answer) {
  confirmNext = false;
  if (answer.status === 401) return say("stop", words.signedOut, words.signedOutSentence, "", location.href);
  say("stop", answer.body.title ?? words.refused, answer.body.detail ?? "", (answer.body.errors ?? []).join("; "));
}

// The document ------------------------------------------------------------------------------------------------------
function payload() {
  const values = Object.fromEntries(Object.entries(fieldValues()).filter(([, value]) => value !== ""));
  const picked = ({ product_id, lot, expiry_date, quantity, gtin, serial_number, scan_text, pack_units }) =>
    ({ product_id, lot: lot ?? "", expiry_date, quantity, gtin, serial_number, scan_text, pack_units });
  for (const name of sides) {
    values[name] = draft.lines.filter((each) => each.side === name).map(picked).reverse();
  }
  return { ...values, document_id: draft.document_id };
}

function confirm() {
  if (draft.sending) return;
  if (table.contains(document.activeElement)) document.activeElement.blur(); // what is being typed counts
  if (!form.reportValidity()) return say("attention", words.missing, words.missingSentence);
  if (!draft.lines.length && !draft.waiting.length && form.dataset.empty === undefined) return say("attention", words.scanFirst);
  if (!lotAsked && focusMissingLot()) {
    lotAsked = true;
    return say("attention", words.noLot, words.noLotSentence);
  }
  if (draft.waiting.length) confirmNext = true;
  else begin();
  run();
}

function begin() {
  confirmNext = false;
  if (draft.sending) return;
  draft.sending = payload();
  keep();
  show();
}

async function send() {
  const answer = await ask(form.dataset.post, draft.sending);
  if (!answer) { // it may have arrived: the same id is sent again until the server says what became of it
    say("attention", words.notSaved, words.notSavedSentence);
    return false;
  }
  if (answer.ok) {
    saved(answer.body);
    return true;
  }
  draft.sending = null;
  draft.save();
  show();
  refused(answer);
  return true;
}

function saved(body) {
  const fields = draft.fields;
  draft.discard();
  putFields(fields); // place and supplier stay for the next one
  emptyOnce();
  keep();
  show();
  feedback.dataset.document = body.document_id;
  if (form.dataset.then) return location.assign(form.dataset.then.replace("{document_id}", body.document_id));
  const told = body.notices ?? [];
  const notices = told.map((each) => each.text).join(" ");
  const mood = told.some((each) => each.mood !== "info") ? "attention" : "ok";
  say(mood, `${words.saved}: ${body.number}`, notices, "", form.dataset.see ?? `/work/documents/${body.document_id}`);
  refresh();
  scanField.focus();
}

// Keys --------------------------------------------------------------------------------------------------------------
function undo() {
  if (draft.sending) return;
  if (!draft.undo()) return say("info", words.nothingToUndo);
  show();
  say("info", words.undone);
}

function cancel() {
  if (draft.sending) return;
  if (!draft.lines.length && !draft.waiting.length) return scanField.focus();
  if (!leaving) {
    leaving = true;
    return say("attention", words.cancelAsk, words.cancelSentence);
  }
  leaving = false;
  draft.discard();
  show();
  say("info", words.cancelled);
  scanField.focus();
}

const KEYS = { F9: confirm, F8: undo, F4: expected, F2: nextSide };
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); return confirm(); }
  if (event.key === "Escape") {
    if (closeFound()) return scanField.focus();
    if (document.activeElement !== scanField && table.contains(document.activeElement)) return scanField.focus();
    if (scanField.value) { scanField.value = ""; return; }
    event.preventDefault();
    return cancel();
  }
  if (event.key in KEYS) { event.preventDefault(); return KEYS[event.key](); }
  // Enter in a field is "done here", never "save": a scanner ends each scan with one.
  if (event.key === "Enter" && event.target.matches("input, select") && event.target !== scanField) {
    event.preventDefault();
    if (table.contains(event.target)) event.target.blur();
    scanField.focus();
  }
});

listen(scanField, take);
form.addEventListener("submit", (event) => { event.preventDefault(); confirm(); });
form.querySelector(".work-head").addEventListener("change", keep);
document.getElementById("undo").addEventListener("click", undo);
document.getElementById("cancel").addEventListener("click", cancel);
document.getElementById("fill")?.addEventListener("click", expected);
document.body.classList.add("scripted");
offerSound(scanField);
putFields(draft.fields);
show();
if (!fillAtStart() && draft.restored) say("info", words.restored, words.restoredSentence);
run();
scanField.focus();
document.body.dataset.ready = "yes";
