// Picking: each scan goes to the server at once and stands in the basket there; the lists are drawn anew by the server.
import { newId } from "./work_draft.js";
import { offerSound, say, words } from "./work_feedback.js";
import { ask, form } from "./work_form.js";
import { listenToKeys } from "./work_keys.js";
import { Queue } from "./work_queue.js";
import { refresh } from "./work_refresh.js";
import { listen } from "./work_scanner.js";

const scanField = document.getElementById("scan");
const quantityField = document.getElementById("pick-quantity");
const lotField = document.getElementById("pick-lot");
const vietnamese = document.documentElement.lang === "vi";
const queue = new Queue(`${form.dataset.user}:${form.dataset.document}`, send);
let newest = null; // the scan that went into the basket last, to be corrected with =15
let refusals = 0; // so far
let handing = false; // F9 waits for scans
let short = false; // F9 was pressed once though something is missing

function take(text) {
  short = false;
  if (!text) return;
  if (["OK", "MT-OK"].includes(text.toUpperCase())) return handOver();
  if (text.toUpperCase() === "MT-UNDO") return putBack();
  if (/^=\d{1,6}$/.test(text)) return correct(Number(text.slice(1)));
  const entry = { pick_id: newId(), code: text };
  if (quantityField.value.trim()) entry.quantity = Number(quantityField.value.replace(/[.,\s]/g, ""));
  if (lotField.value.trim()) entry.lot = lotField.value.trim();
  quantityField.value = "";
  lotField.value = "";
  queue.put(entry);
}

// Of the newest pack only so much: it is put back and taken again.
function correct(quantity) {
  if (!newest) return say("attention", words.scanFirst);
  queue.put({ back: newest.pick_id });
  queue.put({ ...newest, pick_id: newId(), quantity });
}

async function send(entry) {
  const answer = entry.back
    ? await ask(`${form.dataset.api}/picks/${entry.back}`, undefined, "DELETE")
    : await ask(`${form.dataset.api}/picks`, entry);
  if (!answer) {
    say("attention", words.offline, words.offlineSentence.replace("{n}", queue.waiting.length));
    return false;
  }
  if (answer.status === 401) {
    say("stop", words.signedOut, words.signedOutSentence, "", location.href);
    return false;
  }
  if (!answer.ok) refusals += 1;
  if (!answer.ok) say("stop", answer.body.title ?? words.refused, answer.body.detail ?? "");
  else if (!entry.back) taken(entry, answer.body);
  await refresh(location.pathname);
  return true;
}

function taken(entry, body) {
  newest = entry;
  const pick = body.picks.find((one) => one.pick_id === entry.pick_id);
  const line = pick && body.lines.find((one) => one.product_id === pick.product_id);
  if (!line) return; // put back meanwhile, by somebody else
  const unit = vietnamese ? line.base_unit_vi : line.base_unit_en;
  const missing = line.asked - line.picked;
  const facts = [vietnamese ? line.name_vi : line.name_en, pick.lot, pick.note === "other_lot" ? words.otherLot : ""];
  if (body.lines.every((one) => one.picked >= one.asked)) facts.push(words.complete);
  else facts.push(missing > 0 ? words.still.replace("{n}", `${missing} ${unit}`) : words.lineComplete);
  const mood = pick.note === "other_lot" ? "attention" : "ok";
  say(mood, words.taken.replace("{n}", `${pick.quantity} ${unit}`), facts.filter(Boolean).join(" · "));
}

function putBack() {
  const button = document.querySelector("#basket [data-key=F8]");
  if (!button) return say("info", words.nothingToUndo);
  queue.put({ back: button.form.elements.pick_id.value }).then(() => say("info", words.putBack));
}

// As soon as all scans are answered, and none of them was refused. What is short is said once before it goes out so.
async function handOver() {
  if (handing) return;
  handing = true;
  const before = refusals;
  await queue.run();
  handing = false;
  if (refusals !== before) return;
  const rows = [...document.querySelectorAll("#fetch tbody tr")];
  if (rows.some((row) => !row.classList.contains("complete")) && !short) {
    short = true;
    say("attention", words.missing, words.missingSentence);
  } else {
    document.querySelector("#basket [data-key=F9]")?.form.requestSubmit();
  }
}

document.addEventListener("submit", (event) => {
  if (event.target === form) {
    event.preventDefault();
    take(scanField.value.trim());
    scanField.value = "";
  } else if (event.target.elements.pick_id) {
    event.preventDefault();
    queue.put({ back: event.target.elements.pick_id.value }).then(() => { say("info", words.putBack); scanField.focus(); });
  } else if (!queue.idle) {
    event.preventDefault();
    say("attention", words.offline, words.offlineSentence.replace("{n}", queue.waiting.length));
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.preventDefault();
  scanField.value = quantityField.value = lotField.value = "";
  scanField.focus();
});
listenToKeys({ F8: putBack, F9: handOver });
listen(scanField, take);
document.body.classList.add("scripted");
offerSound(scanField);
if (queue.restored) say("info", words.restored, words.offlineSentence.replace("{n}", queue.waiting.length));
queue.run();
scanField.focus();
document.body.dataset.ready = "yes";
