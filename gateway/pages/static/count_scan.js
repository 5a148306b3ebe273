// Counting with a scanner: each scan goes to the server at once and is kept there; what the server has not got waits in
// the browser, through a lost link, a closed tab and a restart. The list comes back as the server draws it.
import { newId } from "./work_draft.js";
import { offerSound, say, words } from "./work_feedback.js";
import { ask, form } from "./work_form.js";
import { listen } from "./work_scanner.js";

const RETRY_MS = 2500;
const scanField = document.getElementById("scan");
const place = document.getElementById("field-place_id");
const kept = `medtap-count:${form.dataset.user}:${form.dataset.stocktake}`;
let waiting = read();
let running = false;
let handIn = false; // as soon as all scans are there

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(kept));
    return Array.isArray(found) ? found : [];
  } catch { return []; }
}

function keep() {
  if (waiting.length) localStorage.setItem(kept, JSON.stringify(waiting));
  else localStorage.removeItem(kept);
}

function take(text) {
  if (!text) return document.getElementById("hand-in")?.focus();
  if (text.toUpperCase() === "MT-OK") {
    handIn = true;
    return run();
  }
  waiting.push({ scan_id: newId(), text, place_id: place.value, scanned_at: Date.now() });
  keep();
  run();
}

async function run() {
  if (running) return;
  running = true;
  while (waiting.length) {
    if (!await send(waiting[0])) await new Promise((go) => { setTimeout(go, RETRY_MS); });
  }
  running = false;
  const button = document.getElementById("hand-in");
  if (handIn && !button.disabled) button.click();
  handIn = false;
}

// false: no answer; the scan waits, and is sent again with its id.
async function send({ scan_id, text, place_id, scanned_at }) {
  const answer = await ask(form.dataset.scans, {
    scan_id, text, place_id: place_id || place.value, waited_s: Math.max(0, (Date.now() - scanned_at) / 1000),
    separator: localStorage.getItem("medtap-separator") || null,
  });
  if (!answer) {
    say("attention", words.offline, words.offlineSentence.replace("{n}", waiting.length));
    return false;
  }
  if (answer.status === 401) {
    say("stop", words.signedOut, words.signedOutSentence, "", location.href);
    return false;
  }
  waiting.shift();
  keep();
  if (answer.ok) taken(answer.body);
  else say("stop", answer.body.title ?? words.refused, answer.body.detail ?? "");
  return true;
}

function taken(body) {
  const parcel = document.createElement("template");
  parcel.innerHTML = body.html;
  const fresh = parcel.content.firstElementChild;
  if (fresh) document.getElementById("draft").replaceWith(fresh);
  if (body.place_id) place.value = body.place_id;
  say(body.mood, body.word, body.sentence, body.technical);
  if (document.activeElement === document.body) scanField.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "F8") {
    event.preventDefault();
    take("MT-UNDO");
  }
  if (event.key === "Escape") {
    scanField.value = "";
    scanField.focus();
  }
});
document.addEventListener("submit", (event) => {
  // The button that takes back says so to the script; other forms of the page wait until all scans are there.
  if (event.target === form || event.target.querySelector("#take-back")) {
    event.preventDefault();
    take(event.target === form ? scanField.value : "MT-UNDO");
    scanField.value = "";
  } else if (waiting.length) {
    event.preventDefault();
    say("attention", words.offline, words.offlineSentence.replace("{n}", waiting.length));
  }
});

listen(scanField, take);
place.addEventListener("change", () => scanField.focus());
document.body.classList.add("scripted");
offerSound(scanField);
if (waiting.length) say("info", words.restored, words.restoredSentence);
run();
if (place.value) scanField.focus();
else place.focus();
document.body.dataset.ready = "yes";
