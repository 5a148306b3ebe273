// What happened, large: shape, word, colour and sound. And the words that the server gave the page.
import { play } from "./sounds.js";
import { soundButton } from "./work_sound.js";

export const words = document.getElementById("words").dataset;
export const feedback = document.getElementById("feedback");

export function say(mood, word, sentence = "", technical = "", link = null) {
  feedback.className = `newest ${mood}`;
  feedback.dataset.mood = mood;
  feedback.querySelector(".sign").replaceChildren(document.getElementById(`shape-${mood}`).content.cloneNode(true));
  feedback.querySelector(".word").textContent = word;
  feedback.querySelector(".sentence").textContent = sentence;
  const detail = feedback.querySelector(".technical");
  detail.hidden = !technical;
  detail.querySelector("p").textContent = technical;
  const anchor = feedback.querySelector(".saved-link");
  anchor.hidden = !link;
  if (link) anchor.href = link;
  play(mood === "info" ? "ok" : mood === "unknown" ? "attention" : mood);
}

export function offerSound(field) {
  soundButton(() => field.focus());
}
