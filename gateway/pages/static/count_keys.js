// Keys of the pages of counting: what a button or link with data-key does is done by that key too, wherever the focus is.
const stands = (key) => [...document.querySelectorAll(`[data-key="${key}"]`)].find((each) => !each.disabled);

document.addEventListener("keydown", (event) => {
  const key = event.key === "Enter" && event.ctrlKey ? "F9" : event.key;
  const found = /^F\d+$/.test(key) && stands(key);
  if (!found) return;
  event.preventDefault();
  if (event.repeat) return;
  found.focus();
  found.click();
});
document.body.dataset.keys = "yes";
