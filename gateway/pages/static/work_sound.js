// The button that turns the sound on and off; then the page goes on where it was.
import { play, soundIsOn, toggleSound } from "./sounds.js";

export function soundButton(after) {
  const button = document.getElementById("sound");
  if (!button) return;
  const show = () => {
    button.setAttribute("aria-pressed", String(soundIsOn()));
    button.textContent = soundIsOn() ? button.dataset.on : button.dataset.off;
  };
  button.addEventListener("click", () => { toggleSound(); show(); play("ok"); after(); });
  show();
}
