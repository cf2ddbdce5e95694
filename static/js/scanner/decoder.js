/**
 * One decoder for the page: the browser's own where it has one, else the worker. The browser's own costs no download;
 * where it fails, or finds nothing for a while, the worker comes to its help.
 */
import { WorkerReader } from "./worker_reader.js";

const NATIVE_FAILURES = 2;
const HELP_AFTER_MS = 4000;

let decoder = null;

/** @returns {Decoder} the page's own, made on first use and kept for all scanners */
export function theDecoder(root) {
  decoder ??= new Decoder({ ...root.dataset });
  return decoder;
}

class Decoder {
  #worker;
  #native = null;
  #nativeFailures = 0;
  #hasLooked = false;
  #emptySince = null;
  #turn = 0;

  constructor(addresses) {
    this.#worker = new WorkerReader(addresses);
  }

  /** Be ready to read. Rejects where no decoder can be had; another call tries again. */
  async load() {
    if (!this.#hasLooked) {
      this.#native = await nativeDetector();
      this.#hasLooked = true;
    }
    if (!this.#native) await this.#worker.load();
  }

  /** A new search begins: the time in which nothing was found counts from now. */
  begin() {
    this.#emptySince = performance.now();
  }

  /** The texts of the codes in a picture. The picture's pixels may be given away. */
  async read(image) {
    this.#turn += 1;
    // Two turns each, so that each sees both the middle and the whole picture.
    const isNativesTurn = this.#native && (!this.#worker.isReady || this.#turn % 4 < 2);
    const texts = await (isNativesTurn ? this.#readNative(image) : this.#worker.read(image));
    if (texts.length > 0) this.begin();
    else if (this.#native && performance.now() - this.#emptySince > HELP_AFTER_MS) this.#worker.load().catch(() => {});
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
