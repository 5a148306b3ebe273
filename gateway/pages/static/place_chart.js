// A part of the chart is chosen by dragging over it: the page is asked for that time. Without scripts the links do the same.
const stand = document.getElementById("chart");
const since = Date.parse(stand.dataset.since);
const until = Date.parse(stand.dataset.until);
const LEAST_PX = 12;
const LEAST_MS = 600_000; // ten minutes: the server's own least
let began = null;
let box = null;

// Where the chart's frame is on the screen, whichever of the two drawings is shown.
function frame() {
  for (const each of stand.querySelectorAll(".frame")) {
    const at = each.getBoundingClientRect();
    if (at.width) return at;
  }
  return null;
}

function timeAt(x, within) {
  const share = Math.min(1, Math.max(0, (x - within.left) / within.width));
  return since + share * (until - since);
}

function show(from, to) {
  const own = stand.getBoundingClientRect();
  box.style.left = `${Math.min(from, to) - own.left}px`;
  box.style.width = `${Math.abs(to - from)}px`;
}

function stop() {
  began = null;
  box?.remove();
  box = null;
}

stand.addEventListener("pointerdown", (event) => {
  const within = frame();
  if (event.button || !within || event.pointerType === "touch") return;
  began = event.clientX;
  box = document.createElement("div");
  box.className = "selection";
  stand.append(box);
  show(began, began);
  stand.setPointerCapture(event.pointerId);
  event.preventDefault();
});
stand.addEventListener("pointermove", (event) => { if (began !== null) show(began, event.clientX); });
stand.addEventListener("pointercancel", stop);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") stop(); });
stand.addEventListener("pointerup", (event) => {
  if (began === null) return;
  const within = frame();
  const [from, to] = [began, event.clientX].sort((one, other) => one - other);
  stop();
  if (!within || to - from < LEAST_PX) return;
  const first = timeAt(from, within);
  const last = Math.max(timeAt(to, within), first + LEAST_MS);
  const address = new URL(location.href);
  address.search = new URLSearchParams({ since: new Date(first).toISOString(), until: new Date(last).toISOString() });
  location.assign(address);
});
for (const each of document.querySelectorAll(".script-only")) each.hidden = false;
