// What this scanner sends in place of GS, remembered by the browser.
const field = document.getElementById("separator");

export function separator() {
  return field?.value || null;
}

if (field) {
  field.value = localStorage.getItem("medtap-separator") ?? "";
  field.addEventListener("change", () => localStorage.setItem("medtap-separator", field.value));
}
