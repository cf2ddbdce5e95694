/**
 * Scanned codes on their way to the server. A scan that can't be sent is kept with its moment, also over a reload, and
 * sent again: at once when the phone is online again, else after growing pauses.
 */
import { kept } from "./phone_memory.js";

const PAUSES_MS = [1000, 2000, 4000, 8000, 15000];
// The camera goes on after this long without an answer: a newer code is worth more than the one on its way.
const PATIENCE_MS = 2500;
// A code that is over this soon after its scan was read at its very end: the next one is on the screen already.
const SOON_SECONDS = 4;
const FORGOTTEN_AFTER_MS = 12 * 3600 * 1000;

/** @returns {string|null} the token in the text of a QR code, if it is an address of a scan, whatever the host */
export function tokenIn(text) {
  const found = /^(?:https?:\/\/[^/\s]+)?\/a\/([0-9a-z]{20})\/?$/i.exec(text.trim());
  return found && found[1].toUpperCase();
}

/**
 * @param {object} options
 * @param {string} options.user whose scans they are: nobody else's are read or sent
 * @param {(body: {token: string} | {claim: string}) => Promise<object>} options.send rejects with an HttpError
 * @param {(outcome: Outcome) => void} options.onOutcome told of everything that becomes of a scan
 * @returns {{add: (token: string) => Promise<Outcome>, retry: () => void}} `add` gives what became of the scan, or
 *   "kept" as soon as that takes long
 *
 * @typedef {{name: "marked", answer: object} | {name: "expired"} | {name: "late", seconds: number}
 *   | {name: "kept", at: number} | {name: "wait", seconds: number} | {name: "signed_out"}
 *   | {name: "refused", code: string, detail: string} | {name: "answered"}} Outcome
 */
export function sendScans({ user, send, onOutcome }) {
  const store = kept(`scans:${user}`);
  // Of this page's own scans: when by a clock that nobody sets, and how often they were sent.
  const own = new Map();
  const listeners = new Map();
  const answered = new Set();
  let timer = 0;
  let failures = 0;
  let notBefore = 0;
  let sending = false;

  const scans = () => (store.read() ?? []).filter((scan) => Math.abs(Date.now() - scan.at) < FORGOTTEN_AFTER_MS);
  const keep = (list) => store.write(list.length > 0 ? list : null);

  function add(token) {
    // The same code in the picture again.
    if (answered.has(token)) return Promise.resolve({ name: "answered" });
    const at = Date.now();
    if (!scans().some((scan) => scan.token === token)) {
      own.set(token, { since: performance.now(), tries: 0 });
      // A newer code of the same session is the one that may still be good.
      keep([...scans().filter((scan) => !sameSession(scan.token, token)), { token, at }]);
    }
    const outcome = new Promise((resolve) => listeners.set(token, resolve));
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS)).then(() => {
      if (listeners.delete(token)) onOutcome({ name: "kept", at });
      return { name: "kept", at };
    });
    deliver();
    return Promise.race([outcome, patience]);
  }

  async function deliver() {
    if (sending) return;
    clearTimeout(timer);
    const wait = notBefore - performance.now();
    if (wait > 0) {
      timer = setTimeout(deliver, wait);
      return;
    }
    sending = true;
    try {
      let scan;
      while ((scan = scans().at(-1)) && (await deliverOne(scan)));
    } finally {
      sending = false;
    }
  }

  /** @returns {Promise<boolean>} whether the next one may be sent */
  async function deliverOne(scan) {
    const mine = own.get(scan.token);
    if (mine) mine.tries += 1;
    let outcome;
    try {
      const { token, claim } = scan;
      outcome = { name: "marked", answer: await send(claim ? { claim } : { token }) };
    } catch (error) {
      if (error.status === 401 || error.code === "other_user") {
        tell(scan, { name: "signed_out" });
        return false;
      }
      if (error.isTemporary !== false) {
        // The server could not mark just now, but the code was good when it arrived: that moment counts.
        if (error.body?.claim) {
          keep(scans().map((one) => (one.token === scan.token ? { ...one, claim: error.body.claim } : one)));
        }
        later(error);
        const { retryAfter: seconds } = error;
        tell(scan, error.status === 429 ? { name: "wait", seconds } : { name: "kept", at: scan.at });
        return false;
      }
      outcome = refusal(error, scan);
    }
    failures = 0;
    answered.add(scan.token);
    // A mark answers for the older codes of its session, too.
    const isOver = (one) => one.token === scan.token || (outcome.name === "marked" && sameSession(one.token, scan.token));
    keep(scans().filter((one) => !isOver(one)));
    tell(scan, outcome);
    return true;
  }

  function later(error) {
    const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)];
    failures += 1;
    if (error.retryAfter) notBefore = performance.now() + error.retryAfter * 1000;
    timer = setTimeout(deliver, Math.max(pause * (1 + Math.random() / 4), (error.retryAfter ?? 0) * 1000));
  }

  function refusal(error, scan) {
    if (error.code !== "token_expired") return { name: "refused", code: error.code, detail: error.detail };
    const seconds = secondsSince(scan);
    const newer = scans().some((one) => one.token !== scan.token && sameSession(one.token, scan.token));
    const atOnce = own.get(scan.token)?.tries === 1 && seconds < SOON_SECONDS;
    return newer || atOnce ? { name: "expired" } : { name: "late", seconds };
  }

  /** By this phone's own clocks only, and within a page by the one that nobody sets. */
  function secondsSince(scan) {
    const mine = own.get(scan.token);
    const milliseconds = mine ? performance.now() - mine.since : Date.now() - scan.at;
    return Math.max(0, Math.round(milliseconds / 1000));
  }

  function tell(scan, outcome) {
    onOutcome(outcome);
    listeners.get(scan.token)?.(outcome);
    listeners.delete(scan.token);
  }

  const retry = () => {
    if (scans().length > 0) deliver();
  };
  window.addEventListener("online", retry);
  document.addEventListener("visibilitychange", () => document.hidden || retry());
  retry();
  return { add, retry };
}

/** A token begins with the id of its session. */
const sameSession = (one, other) => one.slice(0, 8) === other.slice(0, 8);
