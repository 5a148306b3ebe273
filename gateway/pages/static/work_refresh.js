// What the server knows better: each part of the page marked data-refresh, drawn anew without leaving the page.
export async function refresh(address = location.href) {
  if (!document.querySelector("[data-refresh]")) return;
  let text;
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // no link: what is shown stays, and is drawn anew with the next act
  }
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const old of document.querySelectorAll("[data-refresh]")) {
    const made = fresh.getElementById(old.id);
    if (!made) continue;
    const focused = old.contains(document.activeElement);
    old.replaceWith(document.adoptNode(made));
    if (focused) document.getElementById("scan")?.focus();
  }
}
