/**
 * What a phone stores for a student: the last state of the sessions, and scans that have not been sent yet. Each entry
 * is stored under the student's own name. Signing out deletes all of it.
 */

const PREFIX = "rollcall:";
// The same name as in service_worker.js.
const PAGE_CACHE = "rollcall-page";
// An answer that arrives after signing out must not be stored again.
let isSignedOut = false;

/**
 * A value that survives a reload, if the browser allows it.
 *
 * @param {string} name such as `scans:12`
 * @returns {{read: () => any, write: (value: any) => void}} `read` returns null if nothing is stored
 */
export function stored(name) {
  let inMemory = null;
  return {
    read() {
      try {
        const text = localStorage.getItem(PREFIX + name);
        return text ? JSON.parse(text) : null;
      } catch {
        return inMemory;
      }
    },
    write(value) {
      if (isSignedOut) return;
      inMemory = value;
      try {
        if (value === null) localStorage.removeItem(PREFIX + name);
        else localStorage.setItem(PREFIX + name, JSON.stringify(value));
      } catch {
        // Storage is blocked or full: the value lives as long as the page.
      }
    },
  };
}

/**
 * Delete the entries whose names start with `name`, and the page stored for offline use. Without a name all of them go,
 * and this page stores nothing more.
 */
export async function clearStored(name = "") {
  if (!name) isSignedOut = true;
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX + name)) localStorage.removeItem(key);
  } catch {
    // Storage is blocked, so nothing was stored.
  }
  await globalThis.caches?.delete(PAGE_CACHE);
}
