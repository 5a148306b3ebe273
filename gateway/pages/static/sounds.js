// Our own sounds, made in the browser: a scanner's beep proves nothing, so they differ from it and from each other.
const SOUNDS = {
  ok: [[1320, 0, 0.12]], // one short and high
  again: [[1320, 0, 0.07], [1320, 0.12, 0.07]], // twice, short and high: known already
  attention: [[660, 0, 0.16], [660, 0.22, 0.16]], // twice, in the middle
  stop: [[220, 0, 0.45], [196, 0.55, 0.6]], // twice, long and low
  alarm: [[220, 0, 0.18], [330, 0.22, 0.18], [220, 0.44, 0.18], [330, 0.66, 0.18]], // to and fro: not the card itself
};
let context;

export function soundIsOn() {
  return localStorage.getItem("medtap-sound") === "on";
}

export function toggleSound() {
  localStorage.setItem("medtap-sound", soundIsOn() ? "off" : "on");
}

export function play(name) {
  if (!soundIsOn() || !(name in SOUNDS)) return;
  context ??= new AudioContext();
  context.resume();
  for (const [hertz, start, length] of SOUNDS[name]) tone(hertz, context.currentTime + start, length);
}

function tone(hertz, start, length) {
  const oscillator = context.createOscillator();
  const volume = context.createGain();
  oscillator.type = "triangle";
  oscillator.frequency.value = hertz;
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(0.4, start + 0.01); // no click
  volume.gain.setValueAtTime(0.4, start + length - 0.03);
  volume.gain.linearRampToValueAtTime(0, start + length);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + length);
}
