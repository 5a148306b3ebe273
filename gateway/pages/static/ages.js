// How long ago, counted by the server's clock: a wrong clock in the browser must not make old data look new.
let offset = 0;
const words = document.getElementById("live").dataset;

export function serverTimeIs(iso) {
  offset = Date.parse(iso) - Date.now();
}

// The hospital's clock, 24 hours, at this moment of the browser's own.
export function hospitalClock(browserMs) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: words.zone, timeStyle: "medium" }).format(browserMs + offset);
}

export function showAges() {
  const now = Date.now() + offset;
  for (const each of document.querySelectorAll("[data-age]")) {
    const seconds = Math.max(0, Math.floor((now - Date.parse(each.dataset.age)) / 1000));
    each.textContent = said(seconds);
    const old = "oldAfter" in each.dataset && seconds > Number(each.dataset.oldAfter);
    each.classList.toggle("old", old);
    if (old) each.closest("article")?.classList.add("old");
  }
}

function said(seconds) {
  if (seconds < 60) return words.seconds.replace("{n}", seconds);
  if (seconds < 3600) return words.minutes.replace("{n}", Math.floor(seconds / 60));
  return words.hours.replace("{n}", Math.floor(seconds / 3600));
}
