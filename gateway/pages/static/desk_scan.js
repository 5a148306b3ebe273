// The desk's page takes papers too: a scan anywhere on it, or what is typed into its field, looks for the patient.
import { listenToKeys } from "./work_keys.js";
import { listen } from "./work_scanner.js";

const field = document.getElementById("walk-in-text");

function take(text) {
  if (!text) return;
  field.value = text;
  field.form.requestSubmit();
}

if (field) listen(field, take);
listenToKeys();
document.body.dataset.ready = "yes";
