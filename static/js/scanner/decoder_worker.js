/**
 * Reads QR codes outside the page's thread. A small JavaScript decoder reads the first pictures, because zxing-wasm is ten
 * times its size. zxing-wasm reads blurred and small codes better, and takes over as soon as it has arrived.
 * A classic worker, because the decoders' addresses come from the page, with hashed names.
 */
// How long the JavaScript decoder may keep trying after its first attempt.
const RETRIES_MS = 80;
const DOWNLOAD_PAUSES_MS = [0, 5000, 20000];

let read = null;

const tasks = {
  /** Resolves as soon as pictures can be read. Rejects if neither decoder could be loaded. */
  async load({ zxing, wasm, qr, mayUseWasm }) {
    const takeOver = async () => {
      read = await zxingReader(zxing, wasm);
    };
    try {
      read = await scriptReader(qr);
    } catch (error) {
      if (!mayUseWasm) throw error;
      return takeOver();
    }
    if (mayUseWasm) withRetries(takeOver);
  },
  read: ({ pixels, width, height }) => read(new ImageData(new Uint8ClampedArray(pixels), width, height)),
};

/** Does nothing after the last failure, nor if WebAssembly is blocked: the JavaScript decoder goes on reading. */
async function withRetries(task) {
  for (const pause of DOWNLOAD_PAUSES_MS) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    try {
      return await task();
    } catch (error) {
      if (error.name !== "NetworkError") return;
    }
  }
}

async function zxingReader(script, wasm) {
  const [wasmBinary] = await Promise.all([bytesOf(wasm), bytesOf(script)]);
  // From the browser's cache: this blocks the worker.
  importScripts(script);
  // Passing the binary keeps the package from loading it from a CDN.
  await ZXingWASM.prepareZXingModule({ overrides: { wasmBinary, locateFile: () => wasm }, fireImmediately: true });
  const options = {
    formats: ["QRCode"],
    tryHarder: true,
    tryRotate: true,
    tryInvert: false,
    tryDownscale: true,
    // Another code in the picture, such as a bus ticket, must not hide ours.
    maxNumberOfSymbols: 3,
    textMode: "Plain",
  };
  return async (image) => {
    const found = await ZXingWASM.readBarcodes(image, options);
    return found.filter((code) => code.isValid).map((code) => code.text);
  };
}

async function bytesOf(address) {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) throw new DOMException(address, "NetworkError");
  return answer.arrayBuffer();
}

async function scriptReader(address) {
  const { decodeQR } = await import(address);
  return async (image) => {
    try {
      return [decodeQR(image, { timeLimit: RETRIES_MS })];
    } catch {
      // It throws if there is no code in the picture.
      return [];
    }
  };
}

self.onmessage = async ({ data: { id, task, ...what } }) => {
  try {
    self.postMessage({ id, value: await tasks[task](what) });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
