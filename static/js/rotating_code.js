/**
 * The QR code that changes every few seconds, in time with the server.
 *
 * The images of the next steps are loaded ahead, so a change needs no network and shows no blank frame, and the codes
 * go on while the server is away. After the last of them, the code stays as long as the server would accept it, then
 * gives way to a note.
 */
import { getJSON } from "./http.js";
import { ServerClock } from "./server_clock.js";
import { setText } from "./text.js";

const RETRY_MS = 1000;
const TIMEOUT_MS = 4000;
// A step is shown a moment after it began, so that the server surely is in it too.
const MARGIN_MS = 30;
// The bar is not begun anew for less.
const VISIBLE_MS = 60;

export class RotatingCode {
  #screen;
  #pane = document.getElementById("qr");
  #clock = new ServerClock();
  #stepMs;
  #acceptedMs;
  #stepsAhead;
  #images = new Map();
  #shownStep = null;
  #running = false;
  #turnTimer = 0;
  #askTimer = 0;
  #staleTimer = 0;
  #asked = 0;
  #bar = null;
  #barEnds = 0;

  /** @param {HTMLElement} screen what the page was made with: the present step, and how long steps last */
  constructor(screen) {
    this.#screen = screen;
    const { serverTime, step, stepSeconds, stepsAccepted, stepsAhead } = screen.dataset;
    this.#stepMs = Number(stepSeconds) * 1000;
    this.#acceptedMs = Number(stepsAccepted) * this.#stepMs;
    this.#stepsAhead = Number(stepsAhead);
    // The page was written after its navigation began, and before this runs.
    this.#clock.learn({ sentAt: 0, receivedAt: performance.now(), serverTime: Date.parse(serverTime) });
    if (this.#image) this.#shownStep = Number(step);
    window.addEventListener("online", () => this.#askNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#askNow());
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#turn();
    this.#ask();
  }

  stop() {
    if (!this.#running) return;
    this.#running = false;
    for (const timer of [this.#turnTimer, this.#askTimer, this.#staleTimer]) clearTimeout(timer);
    this.#bar?.cancel();
    this.#bar = null;
    this.#images.clear();
    this.#image?.remove();
    this.#shownStep = null;
    this.#setStale(false);
  }

  get #image() {
    return this.#pane.querySelector("img");
  }

  #askNow() {
    if (!this.#running) return;
    this.#turn();
    this.#ask();
  }

  /** Learn the time, the code to type and from when on a scan is late. */
  async #ask() {
    clearTimeout(this.#askTimer);
    const number = ++this.#asked;
    const isLatest = () => this.#running && number === this.#asked;
    const sentAt = performance.now();
    try {
      const { data } = await getJSON(this.#screen.dataset.tokenUrl, { timeout: TIMEOUT_MS });
      if (!isLatest()) return;
      this.#clock.learn({ sentAt, receivedAt: performance.now(), serverTime: Date.parse(data.server_time) });
      this.#showCode(data.code);
      this.#showLate(data.late_from);
      this.#turn();
    } catch (error) {
      // The session was taken into a group: its screen is the group's.
      if (error.code === "in_group") location.reload();
      if (isLatest()) this.#askTimer = setTimeout(() => this.#ask(), RETRY_MS);
    }
  }

  /** Show what the present step needs, and come again at the next. */
  #turn() {
    clearTimeout(this.#turnTimer);
    const now = this.#clock.now();
    const step = Math.floor(now / this.#stepMs);
    const left = (step + 1) * this.#stepMs - now;
    this.#loadAll(step);
    this.#countDown(left);
    this.#watchAge();
    this.#show(step);
    this.#turnTimer = setTimeout(() => {
      this.#turn();
      this.#ask();
    }, left + MARGIN_MS);
  }

  #loadAll(step) {
    for (const known of this.#images.keys()) if (known < step) this.#images.delete(known);
    for (let wanted = step; wanted <= step + this.#stepsAhead; wanted += 1) {
      if (this.#images.has(wanted) || this.#isShown(wanted)) continue;
      this.#images.set(wanted, this.#load(wanted));
    }
  }

  /** @returns {Promise<HTMLImageElement|null>} the image, ready to be painted; null where it could not be loaded */
  async #load(step) {
    const image = new Image();
    image.alt = this.#screen.dataset.qrAlt;
    // Painted in the frame in which it takes the place of the last one.
    image.decoding = "sync";
    image.src = `${this.#screen.dataset.qrUrl}?step=${step}`;
    // Cut off, a connection may hang for minutes.
    const timer = setTimeout(() => (image.src = ""), TIMEOUT_MS);
    try {
      await image.decode();
      return image;
    } catch {
      this.#images.delete(step);
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Put the image of a step in the place of the last one, once it is ready. */
  async #show(step) {
    if (this.#isShown(step)) return;
    const image = await this.#images.get(step);
    // Meanwhile a newer one may have come, or the end.
    if (!image || !this.#running || this.#isShown(step)) return;
    this.#shownStep = step;
    const old = this.#image;
    if (old) old.replaceWith(image);
    else this.#pane.prepend(image);
    this.#watchAge();
  }

  #isShown(step) {
    return this.#shownStep !== null && step <= this.#shownStep;
  }

  /** A code that nobody accepts any more must not be scanned: a note takes its place until the next one. */
  #watchAge() {
    clearTimeout(this.#staleTimer);
    if (this.#shownStep === null) return;
    const left = this.#shownStep * this.#stepMs + this.#acceptedMs - this.#clock.now();
    this.#setStale(left <= 0);
    if (left > 0) this.#staleTimer = setTimeout(() => this.#setStale(true), left);
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

  /** The moment comes in the institution's own time zone: what it says is what is shown. */
  #showLate(moment) {
    this.#screen.querySelector("[data-late]").hidden = !moment;
    if (moment) setText(this.#screen.querySelector("[data-late-time]"), moment.slice(11, 16));
  }

  #countDown(leftMs) {
    const ends = performance.now() + leftMs;
    if (this.#bar && Math.abs(ends - this.#barEnds) < VISIBLE_MS) return;
    this.#barEnds = ends;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const last = this.#bar;
    this.#bar = this.#screen.querySelector("[data-countdown]").animate(
      [{ transform: `scaleX(${Math.min(1, leftMs / this.#stepMs)})` }, { transform: "scaleX(0)" }],
      {
        duration: leftMs,
        easing: still ? `steps(${Math.max(1, Math.round(leftMs / 1000))})` : "linear",
        fill: "forwards",
      },
    );
    last?.cancel();
  }
}
