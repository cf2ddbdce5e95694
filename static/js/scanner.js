/**
 * A scanner of QR codes for any page: the camera, its picture, and what may go wrong with them. It knows nothing of
 * what the codes mean, and all its words stand in templates/qrsessions/parts/scanner.html.
 */
import { closeCamera, hasTorch, openCamera, permission, problemOf, setTorch, whenAllowed } from "./scanner/camera.js";
import { theDecoder } from "./scanner/decoder.js";
import { Face } from "./scanner/face.js";
import { FrameGrabber, isDark, nextFrame } from "./scanner/frames.js";

// A code that was out of the picture for this long is told again.
const FORGOTTEN_MS = 3000;
const SLOW_AFTER_MS = 8000;
const DARK_AFTER_MS = 2500;
const MESSAGE_MS = 6000;

let opened = null;
let wasClosedByHand = false;

/**
 * Give life to a scanner. It opens by itself where the camera was allowed before.
 *
 * @param {HTMLElement} root the element of parts/scanner.html
 * @param {object} options
 * @param {(text: string) => (Answer|void|Promise<Answer|void>)} options.onText called with each text that is read; a
 *   code that stays in the picture is told once. Until the promise settles the picture stays and nothing is read.
 * @returns {{open: () => void, close: () => void, isOpen: () => boolean}}
 *
 * @typedef {object} Answer
 * @property {string} [message] words to show below the picture, such as those of a refusal
 * @property {"good"|"bad"} [tone] how the message looks; "bad" if not given
 * @property {boolean} [keepScanning] false closes the camera; true if not given
 */
export function attachScanner(root, { onText }) {
  const scanner = new Scanner(root, onText);
  return { open: () => scanner.open(), close: () => scanner.close(), isOpen: () => scanner.isOpen };
}

/** Fetch and start the decoder before it is needed, such as while a phone waits. Never rejects. */
export async function preload() {
  const inTemplates = [...document.querySelectorAll("template")].map(({ content }) => content);
  const [root] = [document, ...inTemplates].map((part) => part.querySelector("[data-scanner]")).filter(Boolean);
  if (root) await theDecoder(root).load().catch(() => {});
}

class Scanner {
  isOpen = false;
  #face;
  #onText;
  #decoder;
  #stream = null;
  // Each opening and each return to the page is a run of its own; what belongs to an older one ends.
  #run = 0;

  constructor(root, onText) {
    this.#onText = onText;
    this.#decoder = theDecoder(root);
    this.#face = new Face(root, {
      onOpen: () => this.open(),
      onRetry: () => this.open(),
      onClose: () => {
        wasClosedByHand = true;
        this.close();
      },
      onTorch: (on) => setTorch(this.#stream, on),
    });
    document.addEventListener("visibilitychange", this.#seenOrHidden);
    this.#begin();
  }

  async #begin() {
    const problem = problemOf();
    if (problem) this.#face.showProblem(problem);
    else if ((await permission()) === "granted" && !wasClosedByHand && !opened && this.#face.isVisible) this.open();
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
    this.#face.showClosed();
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
    this.#face.video.srcObject = null;
  }

  #fail(problem) {
    this.#end();
    this.#face.showProblem(problem);
    if (problem === "denied") whenAllowed(() => this.#face.root.isConnected && this.open());
  }

  #seenOrHidden = () => {
    if (!this.#face.root.isConnected) {
      document.removeEventListener("visibilitychange", this.#seenOrHidden);
      this.#end();
    } else if (!this.isOpen) return;
    else if (document.hidden) this.#stop();
    else if (!this.#stream) this.#start();
  };

  async #start() {
    const run = (this.#run += 1);
    const isOver = () => run !== this.#run;
    this.#face.showOpen();
    if (problemOf()) return this.#fail(problemOf());
    const loading = this.#decoder.load();
    // Told below, when the camera is there.
    loading.catch(() => {});
    try {
      const stream = await openCamera();
      if (isOver()) return closeCamera(stream);
      this.#show(stream);
    } catch (error) {
      if (!isOver()) this.#fail(problemOf(error));
      return;
    }
    try {
      this.#face.say("loading");
      await loading;
      if (!isOver()) await this.#look(isOver);
    } catch {
      if (!isOver()) this.#fail("decoder");
    }
  }

  #show(stream) {
    this.#stream = stream;
    this.#face.showTorch(hasTorch(stream));
    this.#face.video.srcObject = stream;
    // Autoplay may be refused; the frames come all the same once the page is touched.
    this.#face.video.play().catch(() => {});
    // The camera was unplugged, or another app took it.
    stream.getVideoTracks()[0].onended = () => this.#stream === stream && this.#fail("busy");
  }

  async #look(isOver) {
    const grabber = new FrameGrabber();
    const seen = new Map();
    let emptySince = performance.now();
    let lightSince = performance.now();
    let messageUntil = 0;
    let isFirst = true;
    this.#decoder.begin();
    this.#face.say("looking");
    while (!isOver()) {
      await nextFrame(this.#face.video);
      if (isOver()) return;
      if (!this.#face.isVisible) return this.close();
      const image = grabber.grab(this.#face.video);
      if (!image) continue;
      if (isFirst) performance.mark("scanner-first-picture");
      isFirst = false;
      const began = performance.now();
      if (!isDark(image)) lightSince = began;
      const texts = await this.#decoder.read(image);
      if (isOver()) return;
      const now = performance.now();
      grabber.took(now - began);

      const text = texts.find((one) => !(now - seen.get(one) < FORGOTTEN_MS));
      for (const one of texts) if (one === text || seen.has(one)) seen.set(one, now);
      if (text !== undefined) {
        const answer = await this.#tell(text);
        if (isOver()) return;
        if (answer.keepScanning === false) return this.close();
        seen.set(text, performance.now());
        emptySince = lightSince = performance.now();
        messageUntil = answer.message ? performance.now() + MESSAGE_MS : 0;
        this.#decoder.begin();
        this.#face.showAnswer(answer);
      } else if (now > messageUntil) {
        this.#face.hint({ isDark: now - lightSince > DARK_AFTER_MS, isSlow: now - emptySince > SLOW_AFTER_MS });
      }
    }
  }

  async #tell(text) {
    performance.mark("scanner-read");
    this.#face.showRead();
    try {
      return (await this.#onText(text)) ?? {};
    } catch (error) {
      // The caller's fault must be seen, and must not end the scanning.
      reportError(error);
      return {};
    }
  }
}
