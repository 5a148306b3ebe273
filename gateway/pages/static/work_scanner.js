// A scanner is a fast keyboard: its burst is taken wherever the focus is, except in fields that expect codes themselves.
const BURST_GAP_MS = 60; // between two keys of a scanner; people need more than 80 ms
const BURST_LENGTH_MIN = 4;
const GS = "\u001d";
const SUBSTITUTES = /<GS>|\{GS\}|\[GS\]|\\x1d|\\u001d|\u241d/gi;
// While a Vietnamese input method composes, the key is hidden: the place on the keyboard says it (US layout, as scanners use).
const PLACES = { Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|", Semicolon: ";:",
  Quote: "'\"", Comma: ",<", Period: ".>", Slash: "/?", Backquote: "`~", Space: "  " };
const SHIFTED = ")!@#$%^&*(";

function characterOf(event) {
  if (event.ctrlKey && (event.key === "]" || event.code === "BracketRight")) return GS; // how a wedge types GS
  if (event.ctrlKey || event.altKey || event.metaKey) return "";
  if (event.key.length === 1) return event.key;
  if (!event.isComposing && event.key !== "Process") return "";
  if (event.code.startsWith("Key")) return event.shiftKey ? event.code[3] : event.code[3].toLowerCase();
  if (event.code.startsWith("Digit")) return event.shiftKey ? SHIFTED[event.code[5]] : event.code[5];
  return PLACES[event.code]?.[event.shiftKey ? 1 : 0] ?? "";
}

export function withSeparators(text) {
  return text.replace(SUBSTITUTES, GS).replace(/^[\r\n\t ]+|[\r\n\t ]+$/g, "");
}

function expectsCodes(field) {
  return field instanceof HTMLElement && field.dataset.scan === "own";
}

function isTypedInto(field) {
  return field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement;
}

// What stood in the field before the burst: a scan must not leave a trace in a quantity.
function snapshot(field) {
  if (!isTypedInto(field)) return () => {};
  const { value, checked } = field;
  return () => {
    field.value = value;
    if ("checked" in field) field.checked = checked;
  };
}

// `own` is the page's scan field: what is typed or pasted there and ended with Enter is a scan too.
export function listen(own, take) {
  let text = "";
  let last = -Infinity;
  let target = null;
  let restore = () => {};

  function begin(event) {
    text = "";
    target = event.target;
    restore = snapshot(target);
  }

  function ended(event) {
    const burst = event.timeStamp - last <= BURST_GAP_MS && text.length >= BURST_LENGTH_MIN && target === event.target;
    const scanned = text;
    text = "";
    if (expectsCodes(event.target)) return;
    if (event.target === own) {
      event.preventDefault();
      event.stopPropagation();
      const typed = burst ? scanned : own.value;
      own.value = "";
      take(withSeparators(typed), burst);
    } else if (burst) {
      event.preventDefault();
      event.stopPropagation();
      restore();
      take(withSeparators(scanned), true);
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || (event.key === "Tab" && text.length >= BURST_LENGTH_MIN)) return ended(event);
    const character = characterOf(event);
    if (!character) return;
    if (event.timeStamp - last > BURST_GAP_MS || target !== event.target) begin(event);
    text += character;
    last = event.timeStamp;
    // On a button a blank of the code would press it; Ctrl and ] would reach the browser.
    if (character === GS || (character === " " && !isTypedInto(event.target))) event.preventDefault();
  }, true);

  document.addEventListener("paste", (event) => {
    if (event.target !== own && isTypedInto(event.target)) return;
    const pasted = event.clipboardData?.getData("text") ?? "";
    if (event.target === own && !/[\r\n]/.test(pasted)) return; // to be looked at, then Enter
    event.preventDefault();
    for (const line of pasted.split(/[\r\n]+/)) if (line.trim()) take(withSeparators(line), true);
  });
}
