/** Takes pictures from a video for the decoder, smaller ones if the decoder is slow. */

const SLOW_MS = 150;
const DARK_BELOW = 22;

/** Alternates between the middle of the picture and the whole of it. */
export class FrameGrabber {
  #canvas = document.createElement("canvas");
  #context = this.#canvas.getContext("2d", { willReadFrequently: true });
  #turn = 0;
  #slowness = 0;

  /** @returns {ImageData|null} null if the video has no picture yet */
  grab(video) {
    const { videoWidth: width, videoHeight: height } = video;
    if (!width || !height) return null;
    this.#turn += 1;
    const { left, top, wide, high, scale } = cut({ width, height, turn: this.#turn, isSlow: this.#slowness > SLOW_MS });
    this.#canvas.width = Math.round(wide * scale);
    this.#canvas.height = Math.round(high * scale);
    this.#context.drawImage(video, left, top, wide, high, 0, 0, this.#canvas.width, this.#canvas.height);
    return this.#context.getImageData(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** Invert every fourth picture, now the middle and now the whole: decoders read only dark codes on a light ground. */
  invertInTurn({ data }) {
    if (![3, 0].includes(this.#turn % 8)) return;
    const pixels = new Uint32Array(data.buffer);
    // The highest byte is the opacity.
    for (let index = 0; index < pixels.length; index += 1) pixels[index] ^= 0x00ffffff;
  }

  /** Record how many milliseconds the decoder needed for the last picture. */
  took(milliseconds) {
    this.#slowness = 0.7 * this.#slowness + 0.3 * milliseconds;
  }
}

/**
 * The part of a picture to decode, in pixels, and its scale. People hold the code in the middle, so that part comes
 * first and keeps its detail. The whole picture finds a code outside the middle.
 */
function cut({ width, height, turn, isSlow }) {
  const side = Math.min(width, height);
  if (turn % 2 === 1) {
    return {
      left: (width - side) / 2,
      top: (height - side) / 2,
      wide: side,
      high: side,
      scale: Math.min(1, (isSlow ? 480 : 720) / side),
    };
  }
  const scale = Math.min(1, (isSlow ? 800 : 1280) / Math.max(width, height));
  return { left: 0, top: 0, wide: width, high: height, scale };
}

/** Whether the picture is nearly black. */
export function isDark({ data }) {
  let sum = 0;
  let count = 0;
  // Sample the green of every 257th pixel.
  for (let index = 1; index < data.length; index += 4 * 257) {
    sum += data[index];
    count += 1;
  }
  return sum / count < DARK_BELOW;
}

/** Resolves at the next frame of the video, or after half a second. */
export function nextFrame(video) {
  return new Promise((resolve) => {
    // A video that is paused or not painted has no next frame.
    const timer = setTimeout(resolve, 500);
    const now = () => (clearTimeout(timer), resolve());
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(now);
    else requestAnimationFrame(now);
  });
}
