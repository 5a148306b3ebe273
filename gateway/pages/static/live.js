// A live page: takes server-rendered fragments from the event stream and puts each in its place.
import { play, soundIsOn, toggleSound } from "./sounds.js";
import { hospitalClock, showAges, serverTimeIs } from "./ages.js";

const SILENT_MAX_MS = 40_000; // two heartbeats of 15 s are missing by then
const stand = document.getElementById("live");
const lost = document.getElementById("link-lost");
let after = stand.dataset.after;
let source;
let heardAt = Date.now();

function connect() {
  const address = new URL(stand.dataset.stream, location.href);
  address.searchParams.set("after", after);
  source = new EventSource(address);
  source.addEventListener("fragments", take);
  source.addEventListener("heartbeat", take);
  source.addEventListener("signed_out", leave);
  source.addEventListener("open", heard);
  source.addEventListener("error", failed);
}

function heard() {
  heardAt = Date.now();
  lost.hidden = true;
}

function take(message) {
  heard();
  if (message.lastEventId) after = message.lastEventId;
  const parcel = document.createElement("template");
  parcel.innerHTML = message.data;
  for (const fresh of [...parcel.content.children]) replace(fresh);
  showAges();
}

function replace(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old) return;
  if (fresh.dataset.now) serverTimeIs(fresh.dataset.now);
  const restore = keepTyped(old);
  const opened = [...old.querySelectorAll("details[open]")].map((each) => [...old.querySelectorAll("details")].indexOf(each));
  const scrolled = [...old.querySelectorAll(".scroll")].map((each) => each.scrollTop);
  const news = fresh.dataset.moment && fresh.dataset.moment !== old.dataset.moment;
  if (!news) for (const place of opened) fresh.querySelectorAll("details")[place]?.setAttribute("open", "");
  if (news) fresh.classList.add("fresh");
  old.replaceWith(fresh);
  fresh.querySelectorAll(".scroll").forEach((each, place) => { each.scrollTop = scrolled[place] ?? 0; });
  restore();
  if (news) play(fresh.dataset.sound);
}

// What a person is typing survives a fragment that arrives meanwhile.
function keepTyped(old) {
  const typed = [...old.querySelectorAll("[data-keep]")].map((field) => ({
    id: field.id, value: field.value, focused: field === document.activeElement,
    start: field.selectionStart, end: field.selectionEnd,
  }));
  return () => {
    for (const each of typed) {
      const field = document.getElementById(each.id);
      if (!field) continue;
      field.value = each.value;
      if (each.focused) {
        field.focus({ preventScroll: true });
        field.setSelectionRange(each.start, each.end);
      }
    }
  };
}

function showLost() {
  if (!lost.hidden) return;
  document.getElementById("link-lost-at").textContent = hospitalClock(heardAt);
  lost.hidden = false;
}

function failed() {
  showLost();
  if (source.readyState === EventSource.CLOSED) setTimeout(askWhy, 3000);
}

// A refused stream: signed out (the page then leads to the sign-in), or the server is starting.
async function askWhy() {
  try {
    const answer = await fetch("/api/v1/session", { headers: { accept: "application/json" } });
    if (answer.status === 401 || answer.status === 403) return leave();
  } catch { /* still away */ }
  source.close();
  connect();
}

function leave() {
  source.close();
  location.reload();
}

function watch() {
  showAges();
  if (Date.now() - heardAt > SILENT_MAX_MS) {
    showLost();
    heardAt = Date.now() - SILENT_MAX_MS / 2; // tries anew in 20 s if this one stays silent too
    source.close();
    connect();
  }
}

const button = document.getElementById("sound");
function showSound() {
  button.setAttribute("aria-pressed", String(soundIsOn()));
  button.textContent = soundIsOn() ? button.dataset.on : button.dataset.off;
}
button.addEventListener("click", () => { toggleSound(); showSound(); play("ok"); });
document.addEventListener("pointerdown", showSound);
document.addEventListener("keydown", showSound);

serverTimeIs(stand.dataset.now);
showSound();
connect();
setInterval(watch, 1000);
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
