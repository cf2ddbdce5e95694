/** The phone's rear camera: opening it, focus, torch, zoom, and why it is not available. */

const WANTED = { width: { ideal: 1280 }, height: { ideal: 720 } };
const STORAGE_KEY = "rollcall-camera";

/** @returns {Promise<"granted"|"denied"|"prompt">} "prompt" also if the browser doesn't say */
export async function permission() {
  return (await permissionStatus())?.state ?? "prompt";
}

/** Call the function when the user allows the camera. */
export async function whenAllowed(fn) {
  const status = await permissionStatus();
  if (status) status.onchange = () => status.state === "granted" && fn();
}

/**
 * @returns {Promise<MediaStream>}
 * @throws {DOMException} see `problemOf`
 */
export async function openCamera() {
  const lastId = lastCamera.get();
  const first = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { ...WANTED, facingMode: { ideal: "environment" }, ...(lastId && { deviceId: { ideal: lastId } }) },
  });
  const stream = await preferMainCamera(first);
  const [track] = stream.getVideoTracks();
  lastCamera.set(track.getSettings().deviceId);
  if (capabilities(track).focusMode?.includes("continuous")) await apply(track, { focusMode: "continuous" });
  return stream;
}

export function closeCamera(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** @returns {"denied"|"none"|"busy"|"insecure"|null} why there is no camera; the names are those in parts/scanner.html */
export function problemOf(error) {
  if (!window.isSecureContext) return "insecure";
  if (!navigator.mediaDevices?.getUserMedia) return "none";
  if (!error) return null;
  if (["NotAllowedError", "SecurityError"].includes(error.name)) return "denied";
  if (["NotFoundError", "OverconstrainedError"].includes(error.name)) return "none";
  return "busy";
}

export const hasTorch = (stream) => Boolean(capabilities(stream.getVideoTracks()[0]).torch);

/** @returns {Promise<boolean>} whether the torch was switched */
export const setTorch = (stream, on) => apply(stream.getVideoTracks()[0], { torch: on });

export const canZoom = (stream) => zoomRange(stream).far > zoomRange(stream).near;

/** @returns {Promise<boolean>} whether the zoom was switched */
export function setZoom(stream, on) {
  const { near, far } = zoomRange(stream);
  return apply(stream.getVideoTracks()[0], { zoom: on ? far : near });
}

/** Once and twice the size. The smallest zoom may be that of another lens, with a wider view. */
function zoomRange(stream) {
  const { zoom } = capabilities(stream.getVideoTracks()[0]);
  if (!zoom) return { near: 1, far: 1 };
  const near = Math.min(Math.max(zoom.min, 1), zoom.max);
  return { near, far: Math.min(2 * near, zoom.max) };
}

/**
 * Find the main rear camera, which the phone's camera app would use. Android numbers its cameras, the main one first,
 * but some phones open another one without autofocus for `facingMode: environment`.
 *
 * @param {{deviceId: string, label: string}[]} cameras
 * @param {{deviceId: string, label: string}} current
 * @returns {string|null} the id of the main camera; null if it is the current one or unknown
 */
function mainRearCamera(cameras, current) {
  const number = (camera) => Number(/camera2? (\d+), facing back/i.exec(camera.label)?.[1] ?? NaN);
  const numbered = cameras.filter((camera) => !Number.isNaN(number(camera)));
  if (numbered.length > 0) {
    const main = numbered.reduce((best, camera) => (number(camera) < number(best) ? camera : best));
    return main.deviceId === current.deviceId ? null : main.deviceId;
  }
  const isSpecial = (camera) => /ultra|tele/i.test(camera.label);
  if (!isSpecial(current)) return null;
  return cameras.find((camera) => /back|rear/i.test(camera.label) && !isSpecial(camera))?.deviceId ?? null;
}

async function preferMainCamera(stream) {
  const [track] = stream.getVideoTracks();
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  const wanted = mainRearCamera(cameras, { deviceId: track.getSettings().deviceId, label: track.label });
  if (!wanted) return stream;
  // Phones open only one camera at a time.
  closeCamera(stream);
  return navigator.mediaDevices.getUserMedia({ audio: false, video: { ...WANTED, deviceId: { ideal: wanted } } });
}

const capabilities = (track) => track?.getCapabilities?.() ?? {};

async function apply(track, constraint) {
  try {
    await track.applyConstraints({ advanced: [constraint] });
    return true;
  } catch {
    return false;
  }
}

async function permissionStatus() {
  try {
    return await navigator.permissions.query({ name: "camera" });
  } catch {
    return null;
  }
}

/** The camera used last. If storage is blocked, the next opening just takes longer. */
const lastCamera = {
  get() {
    try {
      return localStorage.getItem(STORAGE_KEY);
    } catch {
      return null;
    }
  },
  set(id) {
    try {
      localStorage.setItem(STORAGE_KEY, id);
    } catch {}
  },
};
