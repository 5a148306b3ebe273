// A page of forms: scans go into its field wherever the focus is, what is typed survives a closed tab, keys press buttons.
import { play } from "./sounds.js";
import { listenToKeys } from "./work_keys.js";
import { listen } from "./work_scanner.js";
import { soundButton } from "./work_sound.js";

const scanField = document.querySelector("[data-scan-here]");
const feedback = document.getElementById("feedback");
const user = document.querySelector(".who .name")?.textContent ?? "";

// What is typed into a form marked data-draft, until the server has taken it.
function keepTyped(form) {
  const key = `medtap-form:${user}:${form.dataset.draft}`;
  const fields = () => [...form.elements].filter((each) => each.name && each.type !== "hidden" && each.type !== "submit");
  form.addEventListener("input", () => {
    localStorage.setItem(key, JSON.stringify(Object.fromEntries(fields().map((each) => [each.name, each.value]))));
  });
  form.addEventListener("submit", () => sessionStorage.setItem("medtap-sent", key));
  try {
    const kept = JSON.parse(localStorage.getItem(key)) ?? {};
    for (const each of fields()) if (each.name in kept && (!each.value || each.tagName === "SELECT")) each.value = kept[each.name];
  } catch { /* not ours, or from long ago */ }
}

// The form was taken: the answer does not refuse it.
const sent = sessionStorage.getItem("medtap-sent");
if (sent && feedback?.dataset.mood !== "stop") localStorage.removeItem(sent);
sessionStorage.removeItem("medtap-sent");
document.querySelectorAll("form[data-draft]").forEach(keepTyped);

function take(text) {
  if (!scanField || !text) return;
  scanField.value = text;
  const form = scanField.form;
  const empty = [...form.elements].find((each) => each.required && !each.value);
  if (empty) empty.focus();
  else form.requestSubmit();
}

if (scanField) listen(scanField, take);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && scanField) { event.preventDefault(); scanField.value = ""; scanField.focus(); }
});
listenToKeys();
soundButton(() => scanField?.focus());
if (feedback?.dataset.mood) play(feedback.dataset.mood === "info" ? "ok" : feedback.dataset.mood);
document.body.classList.add("scripted");
document.body.dataset.ready = "yes";
