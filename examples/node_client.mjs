// agentd from Node.js, without any package: one connection, many calls in flight.
//
//   AGENTD_SOCKET_PATH=~/.agentd/agentd.sock node examples/node_client.mjs
//
// Two workers want the same file. The second one waits in line (`wait_secs`) while its connection
// stays usable for other calls, and is granted the lock when the first one releases it. Copy
// `Agentd` into a program of your own.

import { createConnection } from "node:net";
import { createInterface } from "node:readline";
import { homedir } from "node:os";
import { join } from "node:path";

const socketPath = process.env.AGENTD_SOCKET_PATH ?? join(homedir(), ".agentd", "agentd.sock");

class Refused extends Error {
  constructor(method, error) {
    super(`${method}: ${error.message} (${error.data.reason}). ${error.data.hint}`);
    this.reason = error.data.reason;
    this.retry = error.data.retry;
  }
}

class Agentd {
  #socket;
  #waiting = new Map(); // Request id to the promise of its answer: answers may overtake.
  #lastId = 0;

  static connect(path) {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path);
      socket.once("error", (error) =>
        reject(new Error(`no daemon answers on ${path}: ${error.message}. Start one with: agentd`)),
      );
      socket.once("connect", () => resolve(new Agentd(socket)));
    });
  }

  constructor(socket) {
    this.#socket = socket;
    socket.removeAllListeners("error");
    socket.on("error", () => {}); // "close" follows and tells everybody who waits.
    socket.on("close", () => {
      for (const { reject, method } of this.#waiting.values()) {
        reject(new Error(`the connection ended during ${method}`));
      }
      this.#waiting.clear();
    });
    createInterface({ input: socket, crlfDelay: Infinity }).on("line", (line) => this.#answer(line));
  }

  call(method, params = {}) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, method });
      this.#socket.write(JSON.stringify({ id, method, params }) + "\n");
    });
  }

  close() {
    this.#socket.end();
  }

  #answer(line) {
    const response = JSON.parse(line);
    const waiting = this.#waiting.get(response.id);
    if (waiting === undefined) return;
    this.#waiting.delete(response.id);
    if (response.error) waiting.reject(new Refused(waiting.method, response.error));
    else waiting.resolve(response.result);
  }
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

async function main() {
  const first = await Agentd.connect(socketPath);
  const second = await Agentd.connect(socketPath);
  const resource_key = `file:docs/node-example-${process.pid}.md`;

  const health = await first.call("Health");
  console.log(`agentd ${health.version} is ${health.status}`);

  const mine = await first.call("AcquireResourceLock", {
    resource_key,
    owner: "node-a",
    provider: "node",
    ttl_secs: 60,
    metadata: { intent: "rewrite the introduction" },
  });
  check(mine !== null, "the first worker should get the lock");
  console.log(`node-a holds ${mine.resource_key} until ${new Date(mine.expires_at * 1000).toISOString()}`);

  const denied = await second.call("AcquireResourceLock", {
    resource_key,
    owner: "node-b",
    provider: "node",
    if_held: "holder",
  });
  check(denied.granted === false, "the second worker should be denied");
  console.log(`node-b is denied: ${denied.holder.owner} wants to ${denied.holder.metadata.intent}`);

  const turn = second.call("AcquireResourceLock", {
    resource_key,
    owner: "node-b",
    provider: "node",
    wait_secs: 30,
  });
  const { locks } = await second.call("ListResourceLocks", { prefix: resource_key });
  check(locks.length === 1 && locks[0].owner === "node-a", "only node-a should hold it");
  console.log("node-b waits in line; its connection answered another call meanwhile");

  await first.call("ReleaseResourceLock", { resource_key, lease_id: mine.lease_id });
  const theirs = await turn;
  check(theirs !== null, "the second worker should get the lock after the release");
  check(theirs.fencing_token > mine.fencing_token, "fencing tokens should grow");
  console.log(`node-b was granted it: fencing token ${theirs.fencing_token} after ${mine.fencing_token}`);
  await second.call("ReleaseResourceLock", { resource_key, lease_id: theirs.lease_id });

  try {
    await second.call("HeartbeatResourceLock", { resource_key, lease_id: theirs.lease_id });
    throw new Error("a released lease should be refused");
  } catch (error) {
    check(error instanceof Refused && error.retry === "reacquire", `${error.message}`);
    console.log(`a heartbeat after that is refused: ${error.reason}`);
  }
  first.close();
  second.close();
}

main().catch((error) => {
  console.error(`failed: ${error.message}`);
  process.exit(1);
});
