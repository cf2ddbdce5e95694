/** Starts the decoder worker, sends it pictures, and notices when it fails. */
export class WorkerClient {
  #addresses;
  #worker = null;
  #loading = null;
  #pending = new Map();
  #lastId = 0;
  /** Whether the worker can read now. */
  isReady = false;

  /** @param {{worker: string, zxing: string, wasm: string, qr: string}} addresses the addresses of the files */
  constructor({ worker, zxing, wasm, qr }) {
    this.#addresses = { worker, zxing, wasm, qr };
  }

  /** Start the worker and load its decoder. Rejects if that fails; another call tries again. */
  load() {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** @returns {Promise<string[]>} the texts of the codes; the pixels are transferred */
  read({ data, width, height }) {
    return this.#send("read", { pixels: data.buffer, width, height }, [data.buffer]);
  }

  async #load() {
    const { worker, ...decoders } = this.#addresses;
    try {
      this.#worker = new Worker(worker);
      this.#worker.onmessage = ({ data }) => this.#onMessage(data);
      this.#worker.onerror = (event) => this.#fail(event);
      // A relative address would resolve against the worker's folder.
      for (const name in decoders) decoders[name] = new URL(decoders[name], document.baseURI).href;
      await this.#send("load", { ...decoders, mayUseWasm: typeof WebAssembly === "object" });
      this.isReady = true;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #send(task, what, transfer = []) {
    return new Promise((resolve, reject) => {
      if (!this.#worker) throw new Error("the worker was lost");
      const id = (this.#lastId += 1);
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, task, ...what }, transfer);
    });
  }

  #onMessage({ id, value, error }) {
    const { resolve, reject } = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  }

  /** The worker failed to load or died. Reject all pending reads; the next load starts again. */
  #fail(reason) {
    this.#worker?.terminate();
    this.#worker = null;
    this.#loading = null;
    this.isReady = false;
    for (const { reject } of this.#pending.values()) reject(new Error(String(reason.message)));
    this.#pending.clear();
  }
}
