/** The rear camera of a phone: opening it, its focus and its light, and why it can't be had. */

const WANTED = { width: { ideal: 1280 }, height: { ideal: 720 } };
const REMEMBERED = "rollcall-camera";

/** @returns {Promise<"granted"|"denied"|"prompt">} "prompt" also where the browser doesn't tell */
export async function permission() {
  return (await permissionStatus())?.state ?? "prompt";
}

/** Call a function once when the camera becomes allowed. */
export async function whenAllowed(fn) {
  const status = await permissionStatus();
  if (status) status.onchange = () => status.state === "granted" && fn();
}

/**
 * @returns {Promise<MediaStream>}
 * @throws {DOMException} see `problemOf`
 */
export async function openCamera() {
  const remembered = memory.get();
  const first = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { ...WANTED, facingMode: { ideal: "environment" }, ...(remembered && { deviceId: { ideal: remembered } }) },
  });
  const stream = await better(first);
  const [track] = stream.getVideoTracks();
  memory.set(track.getSettings().deviceId);
  if (abilities(track).focusMode?.includes("continuous")) await set(track, { focusMode: "continuous" });
  return stream;
}

export function closeCamera(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** @returns {"denied"|"none"|"busy"|"insecure"|null} why there is no camera, as parts/scanner.html names it */
export function problemOf(error) {
  if (!window.isSecureContext) return "insecure";
  if (!navigator.mediaDevices?.getUserMedia) return "none";
  if (!error) return null;
  if (["NotAllowedError", "SecurityError"].includes(error.name)) return "denied";
  if (["NotFoundError", "OverconstrainedError"].includes(error.name)) return "none";
  return "busy";
}

export const hasTorch = (stream) => Boolean(abilities(stream.getVideoTracks()[0]).torch);

/** @returns {Promise<boolean>} whether the light now is as wanted */
export const setTorch = (stream, on) => set(stream.getVideoTracks()[0], { torch: on });

/**
 * The camera that a phone's own camera app would take. Androids with several count them, the main one first, and some
 * open another one, without focus, when asked for "the" rear camera.
 *
 * @param {{deviceId: string, label: string}[]} cameras
 * @param {{deviceId: string, label: string}} current
 * @returns {string|null} the id of a better camera than the current one
 */
export function betterRearCamera(cameras, current) {
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

async function better(stream) {
  const [track] = stream.getVideoTracks();
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  const wanted = betterRearCamera(cameras, { deviceId: track.getSettings().deviceId, label: track.label });
  if (!wanted) return stream;
  // Phones give one camera at a time.
  closeCamera(stream);
  return navigator.mediaDevices.getUserMedia({ audio: false, video: { ...WANTED, deviceId: { ideal: wanted } } });
}

const abilities = (track) => track?.getCapabilities?.() ?? {};

async function set(track, wish) {
  try {
    await track.applyConstraints({ advanced: [wish] });
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

/** Which camera was taken last. Storage may be blocked, which costs only a moment at the next opening. */
const memory = {
  get() {
    try {
      return localStorage.getItem(REMEMBERED);
    } catch {
      return null;
    }
  },
  set(id) {
    try {
      localStorage.setItem(REMEMBERED, id);
    } catch {}
  },
};
