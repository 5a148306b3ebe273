// For whom is dispensed: a card put on the pharmacy's reader fills the patient in by itself; a number does too.
import { say } from "./work_feedback.js";
import { draft, keep } from "./work_lines.js";

const words = document.getElementById("patient-words").dataset;
const reader = document.getElementById("field-place_id");
const state = document.getElementById("reader-state");
const scanField = document.getElementById("scan");
let source = null;
let other = ""; // who was shown while the list belongs to somebody else

const panel = () => document.getElementById("patient");

// Of the server: the panel of one patient, or why there is none. null: no link.
async function ask(query) {
  try {
    // By POST: a patient's number stands in no address.
    const headers = { accept: "text/html", "x-csrf-token": document.querySelector("input[name=csrf_token]").value };
    const answer = await fetch("/work/dispense/patient", { method: "POST", headers, body: new URLSearchParams(query) });
    if (!answer.ok) return null;
    const parcel = document.createElement("template");
    parcel.innerHTML = await answer.text();
    return parcel.content.getElementById("patient");
  } catch {
    return null;
  }
}

async function choose(query, quiet = false) {
  const fresh = await ask(query);
  if (!fresh) return;
  if (!fresh.dataset.patient) {
    if (fresh.dataset.problem) say("stop", words.unknown, fresh.dataset.problem);
    else if (!quiet) say("attention", words.unknown, words.newPrescription);
    return;
  }
  panel().replaceWith(fresh);
  other = "";
  keep();
  if (quiet) return;
  say(fresh.dataset.warning ? "attention" : "ok", `${words.chosen} ${fresh.dataset.number.replaceAll(" ", "\u00a0")}`, fresh.dataset.warning ?? "");
  scanField.focus();
}

// A list that is begun belongs to its patient: another card changes nothing by itself.
function shown(card) {
  if (card.dataset.refused) return say("stop", words.refused, words.refusedSentence);
  const patient = card.dataset.patient;
  if (!patient) return;
  const now = panel().dataset.patient;
  if (now && now !== patient && draft.lines.length) {
    other = patient;
    return say("attention", words.other, words.otherSentence);
  }
  choose({ patient_id: patient });
}

function listenToReader() {
  source?.close();
  source = null;
  if (!reader?.value) return;
  source = new EventSource(`/live/dispensing?${new URLSearchParams({ place: reader.value })}`);
  // The first heartbeat, not the open line: from then on no tap is missed.
  source.addEventListener("heartbeat", () => { state.textContent = state.dataset.waits; state.dataset.open = "yes"; });
  source.addEventListener("error", () => { state.textContent = state.dataset.lost; delete state.dataset.open; });
  source.addEventListener("signed_out", () => location.reload());
  source.addEventListener("fragments", (message) => {
    const parcel = document.createElement("template");
    parcel.innerHTML = message.data;
    const card = parcel.content.getElementById("patient_at_reader");
    if (card) shown(card);
  });
}

function byNumber() {
  const number = document.getElementById("field-patient_number").value.trim();
  const prescription = document.getElementById("field-prescription_number").value.trim();
  if (number) choose({ patient_number: number });
  else if (prescription) choose({ prescription_number: prescription });
}

for (const button of document.querySelectorAll("button[name=find]")) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    if (button.value === "card") choose({ place_id: reader.value });
    else byNumber();
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key === "F6" && other) {
    event.preventDefault();
    choose({ patient_id: other });
  }
  if (event.key === "Enter" && event.target.matches("#field-patient_number, #field-prescription_number")) byNumber();
});
reader?.addEventListener("change", listenToReader);
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => { if (event.persisted) listenToReader(); });
if (!panel().dataset.patient && draft.fields.patient_id) choose({ patient_id: draft.fields.patient_id }, true);
listenToReader();
document.body.dataset.patientReady = "yes";
