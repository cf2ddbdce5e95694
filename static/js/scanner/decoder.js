/**
 * The page's decoder: the browser's own if it has one, otherwise the worker. The browser's own needs no download. If it
 * fails, or finds nothing for a while, the worker helps.
 */
import { WorkerClient } from "./worker_client.js";

const NATIVE_FAILURES = 2;
const WORKER_AFTER_MS = 4000;

let decoder = null;

/** @returns {Decoder} the decoder shared by all scanners of the page */
export function pageDecoder(root) {
  decoder ??= new Decoder({ ...root.dataset });
  return decoder;
}

class Decoder {
  #worker;
  #native = null;
  #nativeFailures = 0;
  #hasCheckedNative = false;
  #emptySince = null;
  #turn = 0;

  constructor(addresses) {
    this.#worker = new WorkerClient(addresses);
  }

  /** Load a decoder. Rejects if none is available; another call tries again. */
  async load() {
    if (!this.#hasCheckedNative) {
      this.#native = await nativeDetector();
      this.#hasCheckedNative = true;
    }
    if (!this.#native) await this.#worker.load();
  }

  /** Start a new search: the time without a code counts from now. */
  begin() {
    this.#emptySince = performance.now();
  }

  /** The texts of the codes in a picture. The pixels may be transferred to the worker. */
  async read(image) {
    this.#turn += 1;
    // Two turns each, so that both see the middle and the whole picture.
    const isNativeTurn = this.#native && (!this.#worker.isReady || this.#turn % 4 < 2);
    const texts = await (isNativeTurn ? this.#readNative(image) : this.#worker.read(image));
    if (texts.length > 0) this.begin();
    else if (this.#native && performance.now() - this.#emptySince > WORKER_AFTER_MS) this.#worker.load().catch(() => {});
    return texts;
  }

  async #readNative(image) {
    try {
      return (await this.#native.detect(image)).map((code) => code.rawValue);
    } catch {
      this.#nativeFailures += 1;
      if (this.#nativeFailures >= NATIVE_FAILURES) {
        this.#native = null;
        await this.#worker.load();
      }
      return [];
    }
  }
}

async function nativeDetector() {
  try {
    const formats = await BarcodeDetector.getSupportedFormats();
    return formats.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
  } catch {
    return null;
  }
}
