/** The page's side of the worker that reads codes: starts it, asks it, and notices when it is lost. */
export class WorkerReader {
  #addresses;
  #worker = null;
  #loading = null;
  #waiting = new Map();
  #asked = 0;
  /** Whether it can be asked at once. */
  isReady = false;

  /** @param {{worker: string, zxing: string, wasm: string, qr: string}} addresses the files, as the page names them */
  constructor({ worker, zxing, wasm, qr }) {
    this.#addresses = { worker, zxing, wasm, qr };
  }

  /** Start it and let it fetch its decoder. Rejects where that fails; another call tries again. */
  load() {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** @returns {Promise<string[]>} the texts of the codes in the picture, whose pixels are given away */
  read({ data, width, height }) {
    return this.#ask("read", { pixels: data.buffer, width, height }, [data.buffer]);
  }

  async #load() {
    const { worker, ...decoders } = this.#addresses;
    try {
      this.#worker = new Worker(worker);
      this.#worker.onmessage = ({ data }) => this.#answered(data);
      this.#worker.onerror = (event) => this.#lose(event);
      // In the worker a relative address would begin at the worker's own folder.
      for (const name in decoders) decoders[name] = new URL(decoders[name], document.baseURI).href;
      await this.#ask("load", { ...decoders, mayUseWasm: typeof WebAssembly === "object" });
      this.isReady = true;
    } catch (error) {
      this.#lose(error);
      throw error;
    }
  }

  #ask(task, what, transfer = []) {
    return new Promise((resolve, reject) => {
      if (!this.#worker) throw new Error("the worker was lost");
      const id = (this.#asked += 1);
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, task, ...what }, transfer);
    });
  }

  #answered({ id, value, error }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  }

  /** It did not come, or it died: whoever waits is told, and the next load begins anew. */
  #lose(reason) {
    this.#worker?.terminate();
    this.#worker = null;
    this.#loading = null;
    this.isReady = false;
    for (const { reject } of this.#waiting.values()) reject(new Error(String(reason.message)));
    this.#waiting.clear();
  }
}
