// Function keys of a page: what `acts` says, else the button or link marked with the key; Ctrl and Enter is F9.
export function listenToKeys(acts = {}) {
  document.addEventListener("keydown", (event) => {
    const key = event.key === "Enter" && event.ctrlKey ? "F9" : event.key;
    if (!/^F\d+$/.test(key)) return;
    const marked = [...document.querySelectorAll(`[data-key="${key}"]`)].find((each) => !each.disabled && each.offsetParent);
    if (!(key in acts) && !marked) return;
    event.preventDefault();
    if (event.repeat) return;
    if (key in acts) return acts[key]();
    marked.focus();
    marked.click();
  });
}
