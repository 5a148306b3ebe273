// An RFID count's page: when somebody took a pass or decided something, the tables below the live part are of before.
const shown = () => document.getElementById("tag_progress").dataset;
const before = { ...shown() };

function isBeingUsed() {
  const form = document.getElementById("decide");
  return form?.querySelector("input:checked") || form?.contains(document.activeElement) || document.querySelector("#hand-held[open]");
}

setInterval(() => {
  if (shown().passes === before.passes && shown().state === before.state) return;
  if (!isBeingUsed()) location.reload();
}, 1000);
