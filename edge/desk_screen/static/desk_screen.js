// Shows the state of this machine's readers as it changes. All texts are put in as text, never as markup.
import { play, soundIsOn, toggleSound } from "/sounds.js";

const SIGNS = { ok: "✓", attention: "!", stop: "✕" };
const words = await (await fetch("/words.json")).json();
document.documentElement.lang = words.language;
document.title = words.title;
document.querySelector("#title").textContent = words.title;
const time = new Intl.DateTimeFormat(words.language === "vi" ? "vi-VN" : "en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const moment = new Intl.DateTimeFormat(words.language === "vi" ? "vi-VN" : "en-GB", { dateStyle: "short", timeStyle: "short" });
let version = 0;
let shown = "";

function element(name, text, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function day(iso) {
  return words.language === "vi" ? iso.split("-").reverse().join("/") : iso;
}

function facts(pairs) {
  const list = element("dl");
  for (const [name, value] of pairs) if (value) list.append(element("dt", name), element("dd", value));
  return list;
}

function holderOf(holder) {
  const parts = [element("p", holder.full_name, "name")];
  parts.push(holder.allergies.length
    ? element("p", `${words.allergies}: ${holder.allergies.join(", ")}`, "allergy")
    : element("p", words.no_allergies, "soft"));
  parts.push(facts([
    [words.born, day(holder.birth_date)], [words.guardian, holder.guardian], [words.blood_group, holder.blood_group],
    [words.conditions, holder.conditions.join(", ")], [words.medication, holder.medication.join(", ")],
  ]));
  parts.push(element("p", `${words.record_of} ${moment.format(new Date(holder.issued_at))}`, "soft"));
  if (holder.is_old) parts.push(element("p", words.record_is_old, "notice attention"));
  return parts;
}

function newestOf(tap) {
  const box = document.querySelector("#newest");
  if (!tap) {
    box.className = "";
    box.replaceChildren(element("p", words.ready, "word"), element("p", words.put_card));
    return;
  }
  const { mood, word, sentence, next_step } = words.outcomes[tap.outcome];
  const verdict = element("div", "", "verdict");
  const sign = element("span", SIGNS[mood], "sign");
  sign.setAttribute("aria-hidden", "true");
  const said = element("div");
  said.append(element("p", word, "word"), element("p", sentence));
  verdict.append(sign, said);
  const footer = element("footer", `${time.format(new Date(tap.occurred_at))} · ${words.card} …${tap.card_end || "?"}`);
  if (tap.detail) {
    const more = element("details");
    more.append(element("summary", words.detail), element("p", tap.detail));
    footer.append(more);
  }
  const next = element("p", `${words.next}: ${next_step}`, "next");
  box.className = mood;
  box.replaceChildren(verdict, ...(tap.holder ? holderOf(tap.holder) : []), next, footer);
  if (shown !== tap.device_id + tap.occurred_at) play(mood);
  shown = tap.device_id + tap.occurred_at;
}

function beforeOf(taps) {
  const box = document.querySelector("#before");
  box.hidden = taps.length === 0;
  const list = element("ol");
  for (const tap of taps) {
    const { mood, word } = words.outcomes[tap.outcome];
    const row = element("li", "", mood);
    row.append(element("span", time.format(new Date(tap.occurred_at))), element("span", word), element("span", `…${tap.card_end || "?"}`));
    list.append(row);
  }
  box.replaceChildren(element("h2", words.before), list);
}

function bannerOf(health) {
  const lines = [];
  if (health.gateway_reached) lines.push(["ok", words.reached]);
  else {
    const since = health.unreached_since ? `${words.unreached} ${moment.format(new Date(health.unreached_since))}` : words.unreached_now;
    lines.push(["stop", `${since}. ${words.still_works}`]);
  }
  if (health.waiting_events) lines.push(["attention", `${health.waiting_events} ${words.waiting}`]);
  if (health.devices_down.length) lines.push(["stop", `${words.devices_down}: ${health.devices_down.join(", ")}`]);
  if (!health.card_list_at) lines.push(["attention", words.no_card_list]);
  else if (health.card_list_is_old) lines.push(["attention", `${words.old_card_list} ${moment.format(new Date(health.card_list_at))}`]);
  document.querySelector("#banner").replaceChildren(...lines.map(([mood, text]) => element("p", text, `notice ${mood}`)));
}

const button = document.querySelector("#sound");
function nameButton() {
  button.textContent = soundIsOn() ? words.sound_off : words.sound_on;
  button.hidden = false;
}
button.addEventListener("click", () => { toggleSound(); nameButton(); play("ok"); });
nameButton();

for (;;) {
  try {
    const answer = await fetch(`/state.json?after=${version}`);
    if (!answer.ok) throw new Error(answer.statusText);
    const state = await answer.json();
    version = state.version;
    newestOf(state.newest);
    beforeOf(state.before);
    bannerOf(state.health);
  } catch {
    version = 0;
    document.querySelector("#banner").replaceChildren(element("p", words.screen_lost, "notice stop"));
    await new Promise((wake) => setTimeout(wake, 1000));
  }
}
