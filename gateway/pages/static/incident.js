// Keeps the facts of an incident's page fresh; what somebody is writing stays as it is.
const EVERY_MS = 10000;

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["#facts", ".journal"]) {
      const now = fresh.querySelector(part);
      const before = document.querySelector(part);
      if (now && before && now.innerHTML !== before.innerHTML) before.replaceWith(now);
    }
    const mood = fresh.querySelector(".incident");
    if (mood) document.querySelector(".incident").className = mood.className;
  } catch {
    // No answer now: the next round asks again.
  }
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
