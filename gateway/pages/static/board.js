// A waiting room's board: takes the drawn board from the event stream, and calls out what is new on it.
const SILENT_MAX_MS = 40_000; // two heartbeats of 15 s are missing by then
const AGAIN_MS = 5_000;
const stand = document.getElementById("main");
const lost = document.getElementById("board-lost");
const button = document.getElementById("board-sound");
const known = new Set();
let after = stand.dataset.after;
let source;
let heardAt = Date.now();
let context;

function connect() {
  const address = new URL(stand.dataset.stream, location.href);
  address.searchParams.set("after", after);
  source = new EventSource(address);
  for (const kind of ["fragments", "heartbeat"]) source.addEventListener(kind, take);
  source.addEventListener("signed_out", () => location.reload());
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) setTimeout(again, AGAIN_MS); });
}

// A screen that nobody can touch never leaves its page unless the server says that its link is over.
async function again() {
  source.close();
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.status === 410) return location.reload();
  } catch { /* the server is away: try the stream again */ }
  connect();
}

function take(message) {
  heardAt = Date.now();
  lost.hidden = true;
  if (message.lastEventId) after = message.lastEventId;
  const parcel = document.createElement("template");
  parcel.innerHTML = message.data;
  const fresh = parcel.content.querySelector("#board");
  if (!fresh) return;
  document.getElementById("board").replaceWith(fresh);
  announce(fresh, true);
}

function announce(board, aloud) {
  const calls = [...board.querySelectorAll("[data-call]")];
  const news = calls.filter((each) => !known.has(each.dataset.call));
  known.clear();
  for (const each of calls) known.add(each.dataset.call);
  if (!aloud || !news.length) return;
  for (const each of news) each.classList.add("fresh");
  chime();
  for (const each of news.reverse()) say(each.dataset.say);
}

function chime() {
  if (!context) return;
  for (const [hertz, start] of [[784, 0], [659, 0.28], [523, 0.56]]) {
    const oscillator = context.createOscillator();
    const volume = context.createGain();
    const at = context.currentTime + start;
    oscillator.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.5, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
    oscillator.connect(volume).connect(context.destination);
    oscillator.start(at);
    oscillator.stop(at + 0.55);
  }
}

// Spoken where the screen's browser has a voice of the language; else the chime alone.
function say(text) {
  if (!context || !("speechSynthesis" in window)) return;
  const language = stand.dataset.language;
  const voice = speechSynthesis.getVoices().find((each) => each.lang.toLowerCase().startsWith(language));
  if (!voice) return;
  const words = new SpeechSynthesisUtterance(text);
  words.voice = voice;
  words.lang = voice.lang;
  words.rate = 0.9;
  setTimeout(() => speechSynthesis.speak(words), 900);
}

function soundOn() {
  context ??= new AudioContext();
  context.resume().then(() => { button.hidden = context.state === "running"; });
}

function watch() {
  if (Date.now() - heardAt <= SILENT_MAX_MS) return;
  lost.hidden = false;
  heardAt = Date.now() - SILENT_MAX_MS / 2; // tries anew in 20 s if this one stays silent too
  again();
}

button.addEventListener("click", () => { soundOn(); chime(); });
soundOn(); // a kiosk browser may allow it without a touch
announce(document, false);
connect();
setInterval(watch, 1000);
document.body.dataset.ready = "yes";
addEventListener("pagehide", () => source.close());
