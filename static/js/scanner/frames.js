/** Pictures for the decoder, taken from a video: never more of them, and never larger, than it can follow. */

const SLOW_MS = 150;
const DARK_BELOW = 22;

/** Takes the middle of the picture and the whole of it in turn. */
export class FrameGrabber {
  #canvas = document.createElement("canvas");
  #context = this.#canvas.getContext("2d", { willReadFrequently: true });
  #turn = 0;
  #slowness = 0;

  /** @returns {ImageData|null} null while the video has no picture */
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

  /** Tell how many milliseconds the decoder needed for the last picture. */
  took(milliseconds) {
    this.#slowness = 0.7 * this.#slowness + 0.3 * milliseconds;
  }
}

/**
 * Which part of a picture to look at, in its pixels, and how much to shrink it. People hold the code into the middle:
 * that part comes first and keeps its detail; the whole picture finds a code beside it.
 */
export function cut({ width, height, turn, isSlow }) {
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

/** Whether hardly any light falls on the picture. */
export function isDark({ data }) {
  let sum = 0;
  let count = 0;
  // Green of one pixel in 257.
  for (let index = 1; index < data.length; index += 4 * 257) {
    sum += data[index];
    count += 1;
  }
  return sum / count < DARK_BELOW;
}

/** The next picture of the video; a little later where the browser can't tell. */
export function nextFrame(video) {
  return new Promise((resolve) => {
    // A video that stands still, or is not painted, would never call.
    const late = setTimeout(resolve, 500);
    const now = () => (clearTimeout(late), resolve());
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(now);
    else requestAnimationFrame(now);
  });
}
