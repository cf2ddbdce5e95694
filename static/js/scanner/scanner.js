/**
 * A QR code scanner for any page: the camera, its picture, and their problems. It doesn't know what the codes mean.
 * Its texts are in templates/qrsessions/parts/scanner.html.
 */
import { reportFault } from "../lib/errors.js";
import {
  canZoom,
  closeCamera,
  hasTorch,
  openCamera,
  permission,
  problemOf,
  setTorch,
  setZoom,
  whenAllowed,
} from "./camera.js";
import { pageDecoder } from "./decoder.js";
import { ScannerView } from "./view.js";
import { FrameGrabber, isDark, nextFrame } from "./frames.js";

// A code that was out of the picture for this long is reported again.
const REPEAT_AFTER_MS = 3000;
const LOADING_SLOWLY_AFTER_MS = 3000;
const SLOW_AFTER_MS = 8000;
const DARK_AFTER_MS = 2500;
const EXPIRED_AFTER_MS = 6000;
const MESSAGE_MS = 6000;

let opened = null;
let wasClosedByHand = false;

/**
 * Start a scanner. It opens by itself if the camera was allowed before.
 *
 * @param {HTMLElement} root the element of parts/scanner.html
 * @param {object} options
 * @param {(text: string) => (Answer|void|Promise<Answer|void>)} options.onText called with each text that is read; a
 *   code that stays in the picture is reported once. Nothing is read until the promise settles.
 * @param {() => boolean} [options.isWaiting] whether a code that was read before still has no answer
 * @returns {{open: () => void, close: () => void, isOpen: () => boolean}}
 *
 * @typedef {object} Answer
 * @property {string} [message] text to show below the picture, such as a refusal
 * @property {"good"|"bad"} [tone] the style of the message; "bad" by default
 * @property {boolean} [isExpired] the code has expired; if only such codes stay in view, a text says so
 * @property {boolean} [keepScanning] false closes the camera; true by default
 */
export function attachScanner(root, { onText, isWaiting = () => false }) {
  const scanner = new Scanner(root, onText, isWaiting);
  return { open: () => scanner.open(), close: () => scanner.close(), isOpen: () => scanner.isOpen };
}

/** Load the decoder before it is needed. Never rejects. */
export async function preload() {
  const inTemplates = [...document.querySelectorAll("template")].map(({ content }) => content);
  const [root] = [document, ...inTemplates].map((part) => part.querySelector("[data-scanner]")).filter(Boolean);
  if (root) await pageDecoder(root).load().catch(() => {});
}

class Scanner {
  isOpen = false;
  #view;
  #onText;
  #isWaiting;
  #decoder;
  #stream = null;
  // Each opening and each return to the page is a new run. Work of an older run stops.
  #run = 0;

  constructor(root, onText, isWaiting) {
    this.#onText = onText;
    this.#isWaiting = isWaiting;
    this.#decoder = pageDecoder(root);
    this.#view = new ScannerView(root, {
      onOpen: () => this.open(),
      onRetry: () => this.open(),
      onClose: () => {
        wasClosedByHand = true;
        this.close();
      },
      onTorch: (on) => setTorch(this.#stream, on),
      onZoom: (on) => setZoom(this.#stream, on),
    });
    document.addEventListener("visibilitychange", this.#onVisibility);
    this.#begin();
  }

  async #begin() {
    const problem = problemOf();
    if (problem) this.#view.showProblem(problem);
    else if ((await permission()) === "granted" && !wasClosedByHand && !opened && this.#view.isVisible) this.open();
  }

  open() {
    if (this.isOpen) return;
    opened?.close();
    opened = this;
    this.isOpen = true;
    this.#start();
  }

  close() {
    this.#end();
    this.#view.showClosed();
  }

  #end() {
    if (opened === this) opened = null;
    this.isOpen = false;
    this.#stop();
  }

  #stop() {
    this.#run += 1;
    closeCamera(this.#stream);
    this.#stream = null;
    this.#view.video.srcObject = null;
  }

  #fail(problem) {
    this.#end();
    this.#view.showProblem(problem);
    if (problem === "denied") whenAllowed(() => this.#view.root.isConnected && this.open());
  }

  #onVisibility = () => {
    if (!this.#view.root.isConnected) {
      document.removeEventListener("visibilitychange", this.#onVisibility);
      this.#end();
    } else if (!this.isOpen) return;
    else if (document.hidden) this.#stop();
    else if (!this.#stream) this.#start();
  };

  async #start() {
    const run = (this.#run += 1);
    const isOver = () => run !== this.#run;
    this.#view.showOpen();
    if (problemOf()) return this.#fail(problemOf());
    const loading = this.#decoder.load();
    // Handled below, after the camera is open.
    loading.catch(() => {});
    try {
      const stream = await openCamera();
      if (isOver()) return closeCamera(stream);
      this.#show(stream);
    } catch (error) {
      if (!isOver()) this.#fail(problemOf(error));
      return;
    }
    this.#view.say("loading");
    const slowly = setTimeout(() => isOver() || this.#view.say("loading_slowly"), LOADING_SLOWLY_AFTER_MS);
    try {
      await loading;
      clearTimeout(slowly);
      if (!isOver()) await this.#scan(isOver);
    } catch (error) {
      clearTimeout(slowly);
      reportFault(error);
      if (!isOver()) this.#fail("decoder");
    }
  }

  #show(stream) {
    this.#stream = stream;
    this.#view.showTools({ torch: hasTorch(stream), zoom: canZoom(stream) });
    this.#view.video.srcObject = stream;
    // Autoplay may be refused. Frames then arrive once the page is touched.
    this.#view.video.play().catch(() => {});
    // The camera was unplugged or taken by another app.
    stream.getVideoTracks()[0].onended = () => this.#stream === stream && this.#fail("busy");
  }

  async #scan(isOver) {
    const grabber = new FrameGrabber();
    const lastSeen = new Map();
    let emptySince = performance.now();
    let lightSince = performance.now();
    let expiredSince = null;
    let messageUntil = 0;
    let isFirst = true;
    this.#decoder.begin();
    this.#view.say("looking");
    while (!isOver()) {
      await nextFrame(this.#view.video);
      if (isOver()) return;
      if (!this.#view.isVisible) return this.close();
      const image = grabber.grab(this.#view.video);
      if (!image) continue;
      if (isFirst) performance.mark("scanner-first-picture");
      isFirst = false;
      const began = performance.now();
      if (!isDark(image)) lightSince = began;
      grabber.invertInTurn(image);
      const texts = await this.#decoder.read(image);
      if (isOver()) return;
      const now = performance.now();
      grabber.took(now - began);

      if (texts.length > 0) emptySince = now;
      else if (now - emptySince > REPEAT_AFTER_MS) expiredSince = null;
      const text = texts.find((one) => !(now - lastSeen.get(one) < REPEAT_AFTER_MS));
      for (const one of texts) if (one === text || lastSeen.has(one)) lastSeen.set(one, now);
      if (text !== undefined) {
        const answer = await this.#report(text);
        if (isOver()) return;
        if (answer.keepScanning === false) return this.close();
        lastSeen.set(text, performance.now());
        emptySince = lightSince = performance.now();
        messageUntil = answer.message ? performance.now() + MESSAGE_MS : 0;
        expiredSince = answer.isExpired ? (expiredSince ?? now) : null;
        this.#decoder.begin();
        this.#view.showAnswer(answer);
      } else if (now > messageUntil) {
        this.#view.hint({
          isWaiting: this.#isWaiting(),
          isDark: now - lightSince > DARK_AFTER_MS,
          isExpired: expiredSince !== null && now - expiredSince > EXPIRED_AFTER_MS,
          isSlow: now - emptySince > SLOW_AFTER_MS,
        });
      }
    }
  }

  async #report(text) {
    performance.mark("scanner-read");
    this.#view.showRead();
    try {
      return (await this.#onText(text)) ?? {};
    } catch (error) {
      // Scanning goes on.
      reportFault(error);
      return {};
    }
  }
}
