// The three sounds of the desk's pages, made in the browser; the same meaning here as there.
const SOUNDS = { ok: [[1320, 0, 0.12]], attention: [[660, 0, 0.16], [660, 0.22, 0.16]], stop: [[220, 0, 0.45], [196, 0.55, 0.6]] };
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
  for (const [hertz, start, length] of SOUNDS[name]) {
    const at = context.currentTime + start;
    const tone = new OscillatorNode(context, { type: "triangle", frequency: hertz });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.4, at + 0.01);
    volume.gain.setValueAtTime(0.4, at + length - 0.03);
    volume.gain.linearRampToValueAtTime(0, at + length);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + length);
  }
}
