// The draft of a document: kept in the browser at every change, so that neither a reload nor a lost link loses a line.

// crypto.randomUUID is for https only; a hospital's own network may do without.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4 (RFC 9562 section 5.4)
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export class Draft {
  #key;
  #past = [];

  constructor(key) {
    this.#key = `medtap-draft:${key}`;
    this.#empty();
    this.#read();
    this.restored = this.lines.length > 0 || this.waiting.length > 0 || Boolean(this.sending);
  }

  #empty() {
    this.document_id = newId();
    this.fields = {};
    this.lines = [];
    this.waiting = []; // scans that the server has not read yet
    this.sending = null; // what was sent and not yet answered: it may be saved already, so it must not change
    this.#past = [];
  }

  #read() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.#key));
      if (!kept?.document_id || !Array.isArray(kept.lines)) return;
      const { document_id, fields = {}, lines, waiting = [], sending = null } = kept;
      Object.assign(this, { document_id, fields, lines, waiting, sending });
    } catch { /* not ours, or from long ago: begin anew */ }
  }

  save() {
    const { document_id, fields, lines, waiting, sending } = this;
    localStorage.setItem(this.#key, JSON.stringify({ document_id, fields, lines, waiting, sending }));
  }

  remember() {
    this.#past.push(JSON.stringify(this.lines));
    if (this.#past.length > 200) this.#past.shift();
  }

  undo() {
    const before = this.#past.pop();
    if (before === undefined) return false;
    this.lines = JSON.parse(before);
    this.save();
    return true;
  }

  discard() {
    localStorage.removeItem(this.#key);
    this.#empty();
  }
}
