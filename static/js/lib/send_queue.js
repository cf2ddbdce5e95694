/**
 * Sends entries to the server one after another, in the order in which they were made, while the user goes on working.
 * Nothing is lost: while the server doesn't answer, entries wait and are sent when it does; refused ones stay until they
 * are sent again or removed; and what was not sent survives a reload of the page.
 */

const RETRY_PAUSES_MS = [1000, 2000, 4000, 8000, 15000];
const KEPT_MS = 12 * 3600 * 1000;

/**
 * @typedef {object} Entry besides what the page added:
 * @property {string} id
 * @property {number} at when it was made, in milliseconds of this device's clock
 * @property {"sending"|"waiting"|"failed"} state waiting is for an answer of the server; failed was refused
 * @property {string} message the server's reason, or empty
 */
export class SendQueue {
  #key;
  #send;
  #onChange;
  #onSent;
  #entries;
  #isSending = false;
  #keepPage = (event) => this.hasUnsent && event.preventDefault();
  #timer = 0;
  #failures = 0;

  /**
   * @param {string} name names what is stored, such as `desk:12`; another user needs another name
   * @param {object} options
   * @param {(entry: Entry) => Promise<object>} options.send rejects with an HttpError. It may be called twice for an entry
   *   whose answer was lost
   * @param {(entry: Entry) => void} options.onChange called with each new entry and each new state
   * @param {(entry: Entry, answer: object) => void} options.onSent called once for each entry that was sent
   */
  constructor(name, { send, onChange, onSent }) {
    this.#key = `unsent:${name}`;
    this.#send = send;
    this.#onChange = onChange;
    this.#onSent = onSent;
    this.#entries = this.#stored();
    window.addEventListener("online", () => this.#sendAll());
    document.addEventListener("visibilitychange", () => document.hidden || this.#sendAll());
    this.#askBeforeLeaving();
  }

  /** Show and send what was stored before the page was loaded. */
  start() {
    for (const entry of this.#entries) this.#onChange(entry);
    this.#sendAll();
  }

  get entries() {
    return [...this.#entries];
  }

  /** Whether there are entries that are still to be sent. */
  get hasUnsent() {
    return this.#entries.some(isUnsent);
  }

  add(values) {
    const entry = { ...values, id: `${Date.now()}-${Math.random()}`, at: Date.now(), state: "sending", message: "" };
    this.#entries.push(entry);
    this.#change(entry, "sending");
    this.#sendAll();
    return entry;
  }

  /** Send a failed entry again, or all waiting entries now. */
  retry(entry) {
    this.#change(entry, "sending");
    this.#sendAll();
  }

  remove(entry) {
    this.#entries = this.#entries.filter((one) => one !== entry);
    this.#store();
  }

  async #sendAll() {
    if (this.#isSending) return;
    clearTimeout(this.#timer);
    this.#isSending = true;
    try {
      let entry;
      while ((entry = this.#entries.find(isUnsent)) && (await this.#sendOne(entry)));
    } finally {
      this.#isSending = false;
    }
  }

  /** @returns {Promise<boolean>} whether the next entry may be sent */
  async #sendOne(entry) {
    let answer;
    try {
      answer = await this.#send(entry);
    } catch (problem) {
      if (!mayWork(problem)) {
        this.#change(entry, "failed", problem.detail || problem.message);
        return true;
      }
      for (const one of this.#entries.filter(isUnsent)) this.#change(one, "waiting", problem.detail);
      this.#sendLater(problem);
      return false;
    }
    this.#failures = 0;
    this.#entries = this.#entries.filter((one) => one !== entry);
    this.#onSent(entry, answer);
    this.#store();
    return true;
  }

  #sendLater({ retryAfter }) {
    const pause = RETRY_PAUSES_MS[Math.min(this.#failures, RETRY_PAUSES_MS.length - 1)];
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#sendAll(), Math.max(pause, (retryAfter ?? 0) * 1000));
  }

  #change(entry, state, message = "") {
    entry.state = state;
    entry.message = message;
    this.#store();
    this.#onChange(entry);
  }

  #stored() {
    try {
      const entries = JSON.parse(sessionStorage.getItem(this.#key)) ?? [];
      return entries.filter((entry) => Date.now() - entry.at < KEPT_MS);
    } catch {
      return [];
    }
  }

  #store() {
    this.#askBeforeLeaving();
    try {
      if (this.#entries.length > 0) sessionStorage.setItem(this.#key, JSON.stringify(this.#entries));
      else sessionStorage.removeItem(this.#key);
    } catch {
      // Storage is blocked or full: the entries live as long as the page.
    }
  }

  /** Have the browser ask before the page is left. Only while needed: with a listener, leaving always waits for it. */
  #askBeforeLeaving() {
    if (this.hasUnsent) window.addEventListener("beforeunload", this.#keepPage);
    else window.removeEventListener("beforeunload", this.#keepPage);
  }
}

const isUnsent = (entry) => entry.state !== "failed";

/** Whether the same request may work later. An error of the server itself would come again and stop all others. */
const mayWork = (problem) => problem.status === 401 || (problem.isTemporary && problem.status !== 500);
