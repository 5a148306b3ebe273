// The page's form: its fields, and how it asks the server.
export const form = document.getElementById("work");

export function fieldValues() {
  const values = {};
  for (const field of form.querySelectorAll(".work-head [name]")) {
    if (field.type === "radio" && !field.checked) continue;
    values[field.name] = field.type === "checkbox" ? field.checked : field.value.trim();
  }
  return values;
}

export function putFields(values) {
  for (const field of form.querySelectorAll(".work-head [name]")) {
    if (!(field.name in values) || field.dataset.fixed !== undefined) continue;
    if (field.type === "checkbox") field.checked = values[field.name];
    else if (field.type === "radio") field.checked = field.value === values[field.name];
    else field.value = values[field.name];
  }
}

// What was for one document only is empty for the next.
export function emptyOnce() {
  for (const field of form.querySelectorAll(".work-head [data-once]")) {
    if (field.type === "checkbox") field.checked = false;
    else field.value = "";
  }
}

// null: the server did not answer, or its database does not.
export async function ask(address, body, method = "POST") {
  try {
    const answer = await fetch(address, {
      method, body: JSON.stringify(body),
      headers: { "content-type": "application/json", accept: "application/json", "accept-language": document.documentElement.lang, "x-csrf-token": form.elements.csrf_token.value },
    });
    if (answer.status === 502 || answer.status === 503 || answer.status === 504) return null;
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  } catch {
    return null;
  }
}
