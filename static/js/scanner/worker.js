/**
 * Reads QR codes in pixels, off the page's thread: by zxing-wasm, or by a decoder in plain script where WebAssembly is
 * missing or blocked. A classic worker: its address and those of the decoders come from the page, with hashed names.
 */
// How long the plain script may try harder where a first look found nothing.
const RETRIES_MS = 80;

let read = null;

const tasks = {
  async load({ zxing, wasm, qr, mayUseWasm }) {
    if (mayUseWasm) {
      try {
        read = await zxingReader(zxing, wasm);
        return "zxing";
      } catch (error) {
        // A file that did not come is the caller's business: the other decoder would not come either.
        if (error.name === "NetworkError") throw error;
      }
    }
    read = await scriptReader(qr);
    return "qr";
  },
  read: ({ pixels, width, height }) => read(new ImageData(new Uint8ClampedArray(pixels), width, height)),
};

async function zxingReader(script, wasm) {
  importScripts(script);
  const wasmBinary = await bytesOf(wasm);
  // The binary is given, so nothing is ever asked of the CDN that the package names.
  await ZXingWASM.prepareZXingModule({ overrides: { wasmBinary, locateFile: () => wasm }, fireImmediately: true });
  const options = {
    formats: ["QRCode"],
    tryHarder: true,
    tryRotate: true,
    tryInvert: false,
    tryDownscale: true,
    // A bus ticket beside the code must not hide it.
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
      // Its way to say that there is no code in the picture.
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
