/**
 * The QR code that changes every few seconds, in time with the server and never with this device's clock.
 *
 * Each round asks for the token of the present step and learns how long it still lasts (`next_at - server_time`).
 * Meanwhile the image of the next step is loaded, so that the change needs no network and shows no blank frame.
 * Where the server is away, the last image stays as long as the server would accept it, then gives way to a note.
 */
import { getJSON } from "./http.js";
import { setText } from "./text.js";

const RETRY_MS = 1000;
const TIMEOUT_MS = 4000;
// A token is asked for a moment after its step began, so that the server surely is in that step too.
const MARGIN_MS = 30;

export class RotatingCode {
  #screen;
  #pane = document.getElementById("qr");
  #running = false;
  #timer = 0;
  #staleTimer = 0;
  #countdown = null;
  #shownStep = null;
  #asked = 0;

  constructor(screen) {
    this.#screen = screen;
    if (this.#pane.querySelector("img")) this.#shownStep = Number(screen.dataset.step);
    window.addEventListener("online", () => this.#askNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#askNow());
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#ask();
  }

  stop() {
    if (!this.#running) return;
    this.#running = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#staleTimer);
    this.#countdown?.cancel();
    this.#pane.querySelector("img")?.remove();
    this.#shownStep = null;
    this.#setStale(false);
  }

  #askNow() {
    if (this.#running) this.#ask();
  }

  async #ask() {
    clearTimeout(this.#timer);
    const number = ++this.#asked;
    const sentAt = performance.now();
    let token;
    try {
      token = (await getJSON(this.#screen.dataset.tokenUrl, { timeout: TIMEOUT_MS })).data;
    } catch {
      if (this.#running && number === this.#asked) this.#timer = setTimeout(() => this.#ask(), RETRY_MS);
      return;
    }
    if (!this.#running || number !== this.#asked) return;
    const receivedAt = performance.now();
    // The server wrote its time on the way between: halfway is the best guess.
    const writtenAt = (sentAt + receivedAt) / 2;
    const serverTime = Date.parse(token.server_time);
    const nextAt = writtenAt + Date.parse(token.next_at) - serverTime;
    const validUntil = writtenAt + Date.parse(token.valid_until) - serverTime;
    const stepMs = Number(this.#screen.dataset.stepSeconds) * 1000;
    const step = Math.round(Date.parse(token.next_at) / stepMs) - 1;

    this.#showCode(token.code);
    this.#countDown(nextAt - receivedAt, stepMs);
    this.#show(step);
    const next = this.#load(step + 1);
    this.#staleAfter(validUntil);
    this.#timer = setTimeout(() => {
      // Shown at once where it is loaded; the round that follows loads it where it is not.
      this.#show(step + 1, next, validUntil + stepMs);
      this.#ask();
    }, Math.max(0, nextAt - performance.now() + MARGIN_MS));
  }

  /** Replace the image by that of a step, once it is ready to be painted. */
  async #show(step, loading = null, validUntil = null) {
    if (this.#isShown(step)) return;
    const image = await (loading ?? this.#load(step));
    // Another round may have shown it, or a newer one, meanwhile.
    if (!image || !this.#running || this.#isShown(step)) return;
    this.#shownStep = step;
    const old = this.#pane.querySelector("img");
    if (old) old.replaceWith(image);
    else this.#pane.prepend(image);
    if (validUntil !== null) this.#staleAfter(validUntil);
  }

  #isShown(step) {
    return this.#shownStep !== null && step <= this.#shownStep;
  }

  /** @returns {Promise<HTMLImageElement|null>} the image, ready to be painted; null where it could not be loaded */
  async #load(step) {
    const image = new Image();
    image.alt = this.#screen.dataset.qrAlt;
    image.src = `${this.#screen.dataset.qrUrl}?step=${step}`;
    try {
      await image.decode();
      return image;
    } catch {
      return null;
    }
  }

  /** A code that nobody accepts any more must not be scanned: a note takes its place until the next one. */
  #staleAfter(moment) {
    clearTimeout(this.#staleTimer);
    this.#setStale(false);
    this.#staleTimer = setTimeout(() => this.#setStale(true), moment - performance.now());
  }

  #setStale(isStale) {
    this.#pane.classList.toggle("stale", isStale);
    this.#pane.querySelector("[data-offline]").hidden = !isStale;
  }

  #showCode(code) {
    this.#screen.querySelector("[data-with-code]").hidden = !code;
    this.#screen.querySelector("[data-without-code]").hidden = Boolean(code);
    if (code) setText(this.#screen.querySelector("[data-code]"), `${code.slice(0, 4)} ${code.slice(4)}`);
  }

  #countDown(leftMs, stepMs) {
    this.#countdown?.cancel();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#countdown = this.#screen.querySelector("[data-countdown]").animate(
      [{ transform: `scaleX(${Math.min(1, leftMs / stepMs)})` }, { transform: "scaleX(0)" }],
      {
        duration: Math.max(0, leftMs),
        easing: still ? `steps(${Math.max(1, Math.round(leftMs / 1000))})` : "linear",
        fill: "forwards",
      },
    );
  }
}
