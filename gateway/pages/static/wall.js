// The wall's clock: the hospital's, each second.
import { hospitalClock } from "./ages.js";

function show() {
  const clock = document.getElementById("wall-clock");
  if (clock) clock.textContent = hospitalClock(Date.now()).slice(0, 5);
}

show();
setInterval(show, 1000);
