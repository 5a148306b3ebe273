// What was scanned and the server has not answered yet: kept in the browser through a lost link, a closed tab and a
// restart, sent one after the other, each with the id that makes sending it twice harmless.
const RETRY_MS = 2500;

export class Queue {
  #key;
  #send;
  #running = null;

  // `send(entry)` answers true when the server has taken or refused it, false to try again later.
  constructor(key, send) {
    this.#key = `medtap-queue:${key}`;
    this.#send = send;
    this.waiting = this.#read();
    this.restored = this.waiting.length > 0;
  }

  #read() {
    try {
      const found = JSON.parse(localStorage.getItem(this.#key));
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  }

  #keep() {
    if (this.waiting.length) localStorage.setItem(this.#key, JSON.stringify(this.waiting));
    else localStorage.removeItem(this.#key);
  }

  get idle() {
    return !this.#running && !this.waiting.length;
  }

  put(entry) {
    this.waiting.push(entry);
    this.#keep();
    return this.run();
  }

  // Until nothing waits any more; whoever asks meanwhile waits for the same end.
  run() {
    this.#running ??= this.#all().finally(() => { this.#running = null; });
    return this.#running;
  }

  async #all() {
    while (this.waiting.length) {
      if (await this.#send(this.waiting[0])) {
        this.waiting.shift();
        this.#keep();
      } else {
        await new Promise((go) => { setTimeout(go, RETRY_MS); });
      }
    }
  }
}
