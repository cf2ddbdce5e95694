/**
 * The QR code that changes every few seconds, in step with the server.
 *
 * The images of the next steps are loaded ahead, so a change shows no blank frame and the code keeps rotating while the
 * server is away. The last code stays until the server would refuse it. Then a note replaces it.
 */
import { getJSON } from "../../lib/http.js";
import { loadImage } from "../../lib/load_image.js";
import { ServerClock } from "../../lib/server_clock.js";
import { clockSeconds, setText } from "../../lib/text.js";

const RETRY_MS = 1000;
const TIMEOUT_MS = 4000;
// A step is shown slightly late, so that the server has surely reached it.
const MARGIN_MS = 30;
// Smaller differences don't restart the countdown bar.
const TOLERANCE_MS = 60;

export class RotatingCode {
  #screen;
  #pane = document.getElementById("qr");
  #clock = new ServerClock();
  #stepMs;
  #acceptedMs;
  #stepsAhead;
  // By step: the promise of its image, whether it has arrived, and what cancels it.
  #loads = new Map();
  #shownStep = null;
  #running = false;
  #hasFailed = false;
  #rotateTimer = 0;
  #fetchTimer = 0;
  #staleTimer = 0;
  #requestCount = 0;
  #bar = null;
  #barEnds = 0;

  /** @param {HTMLElement} screen its data attributes have the current step and the length of a step */
  constructor(screen) {
    this.#screen = screen;
    const { serverTime, step, stepSeconds, stepsAccepted, stepsAhead } = screen.dataset;
    this.#stepMs = Number(stepSeconds) * 1000;
    this.#acceptedMs = Number(stepsAccepted) * this.#stepMs;
    this.#stepsAhead = Number(stepsAhead);
    // The server wrote the page after the navigation started and before this runs.
    this.#clock.update({ sentAt: 0, receivedAt: performance.now(), serverTime: Date.parse(serverTime) });
    if (this.#image) this.#shownStep = Number(step);
    window.addEventListener("online", () => this.#updateNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#updateNow());
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#rotate();
    this.#fetch();
  }

  stop() {
    if (!this.#running) return;
    this.#running = false;
    for (const timer of [this.#rotateTimer, this.#fetchTimer, this.#staleTimer]) clearTimeout(timer);
    this.#bar?.cancel();
    this.#bar = null;
    this.#forget(() => true);
    this.#image?.remove();
    this.#shownStep = null;
    this.#setStale(false);
  }

  get #image() {
    return this.#pane.querySelector("img");
  }

  #updateNow() {
    if (!this.#running) return;
    this.#rotate();
    this.#fetch();
  }

  /** Fetch the server's time, the code to type, and when scans become late. */
  async #fetch() {
    clearTimeout(this.#fetchTimer);
    const number = ++this.#requestCount;
    const isLatest = () => this.#running && number === this.#requestCount;
    const sentAt = performance.now();
    try {
      const { data } = await getJSON(this.#screen.dataset.tokenUrl, { timeout: TIMEOUT_MS });
      if (!isLatest()) return;
      this.#clock.update({ sentAt, receivedAt: performance.now(), serverTime: Date.parse(data.server_time) });
      this.#showCode(data.code);
      this.#showLate(data.late_from);
      // Requests that were sent into the failure may hang on. The server is there now, so load their images again.
      if (this.#hasFailed) this.#forget((load) => !load.isLoaded);
      this.#hasFailed = false;
      this.#rotate();
    } catch (error) {
      // The session is now part of a group, which has its own screen.
      if (error.code === "in_group") location.reload();
      this.#hasFailed = true;
      if (isLatest()) this.#fetchTimer = setTimeout(() => this.#fetch(), RETRY_MS);
    }
  }

  /** Show the current step and schedule the next. */
  #rotate() {
    clearTimeout(this.#rotateTimer);
    const now = this.#clock.now();
    const step = Math.floor(now / this.#stepMs);
    const left = (step + 1) * this.#stepMs - now;
    this.#loadAll(step);
    this.#countDown(left);
    this.#watchExpiry();
    this.#show(step);
    this.#rotateTimer = setTimeout(() => {
      this.#rotate();
      this.#fetch();
    }, left + MARGIN_MS);
  }

  #loadAll(step) {
    this.#forget((load) => load.step < step);
    for (let wanted = step; wanted <= step + this.#stepsAhead; wanted += 1) {
      if (!this.#loads.has(wanted) && !this.#isShown(wanted)) this.#load(wanted);
    }
  }

  /** Start to load the step's image. If that fails, it is forgotten, and the next rotation tries again. */
  #load(step) {
    const controller = new AbortController();
    const load = { step, isLoaded: false, cancel: () => controller.abort() };
    load.image = loadImage(`${this.#screen.dataset.qrUrl}?step=${step}`, { signal: controller.signal }).then(
      (image) => {
        image.alt = this.#screen.dataset.qrAlt;
        load.isLoaded = true;
        return image;
      },
      () => {
        if (this.#loads.get(step) === load) this.#loads.delete(step);
        return null;
      },
    );
    this.#loads.set(step, load);
  }

  #forget(isOver) {
    for (const load of [...this.#loads.values()].filter(isOver)) {
      this.#loads.delete(load.step);
      load.cancel();
    }
  }

  /** Replace the image with that of the step once it is loaded. */
  async #show(step) {
    if (this.#isShown(step)) return;
    const image = await this.#loads.get(step)?.image;
    // By now a newer image may be shown, or the session may have ended.
    if (!image || !this.#running || this.#isShown(step)) return;
    this.#shownStep = step;
    const old = this.#image;
    if (old) old.replaceWith(image);
    else this.#pane.prepend(image);
    this.#watchExpiry();
  }

  #isShown(step) {
    return this.#shownStep !== null && step <= this.#shownStep;
  }

  /** Replace an expired code by a note, because scanning it would fail. */
  #watchExpiry() {
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

  #showLate(lateFrom) {
    this.#screen.querySelector("[data-late]").hidden = !lateFrom;
    if (lateFrom) setText(this.#screen.querySelector("[data-late-time]"), clockSeconds(lateFrom));
  }

  #countDown(leftMs) {
    const ends = performance.now() + leftMs;
    if (this.#bar && Math.abs(ends - this.#barEnds) < TOLERANCE_MS) return;
    this.#barEnds = ends;
    const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const last = this.#bar;
    this.#bar = this.#screen.querySelector("[data-countdown]").animate(
      [{ transform: `scaleX(${Math.min(1, leftMs / this.#stepMs)})` }, { transform: "scaleX(0)" }],
      {
        duration: leftMs,
        easing: reducedMotion ? `steps(${Math.max(1, Math.round(leftMs / 1000))})` : "linear",
        fill: "forwards",
      },
    );
    last?.cancel();
  }
}
