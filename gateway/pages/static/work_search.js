// Products by their names: what a person typed and is no code is looked for; arrow keys and Enter choose.
import { say, words } from "./work_feedback.js";

const MOST = 8;
const list = document.getElementById("found");
const vietnamese = document.documentElement.lang === "vi";

// true if it was open
export function closeFound() {
  const open = !list.hidden;
  list.hidden = true;
  list.replaceChildren();
  return open;
}

// Whether products have these words: one is taken at once, several are offered.
export async function offerFound(text, take) {
  const products = await search(text);
  if (products.length === 1) {
    take(products[0].product_id, true);
    return true;
  }
  if (!products.length) return false;
  list.replaceChildren(...products.map((each) => choice(each, take)));
  list.hidden = false;
  list.querySelector("button").focus();
  say("info", words.which, words.whichSentence);
  return true;
}

async function search(text) {
  try {
    const answer = await fetch(`/api/v1/catalogue/products?limit=${MOST}&q=${encodeURIComponent(text.slice(0, 300))}`);
    return answer.ok ? (await answer.json()).products : [];
  } catch {
    return [];
  }
}

function choice(each, take) {
  const row = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  const name = document.createElement("strong");
  name.textContent = (vietnamese ? each.name_vi || each.name_en : each.name_en || each.name_vi);
  const facts = document.createElement("span");
  facts.textContent = [each.product_id, `${each.on_hand} ${vietnamese ? each.base_unit_vi : each.base_unit_en}`].join(" · ");
  button.append(name, " ", facts);
  button.addEventListener("click", () => take(each.product_id, true));
  row.append(button);
  return row;
}

list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...list.querySelectorAll("button")];
  buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length]?.focus();
});
