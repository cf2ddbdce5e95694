/**
 * What a phone keeps of a student between two openings of the page: the sessions as they were last seen, and scans
 * that could not be sent yet. Each under the student's own name; signing out forgets all of it.
 */

const PREFIX = "rollcall:";
// As in service_worker.js.
const PAGES = "rollcall-page";

/**
 * A value that survives a reload, where the browser allows it.
 *
 * @param {string} name such as `scans:12`
 * @returns {{read: () => any, write: (value: any) => void}} `read` gives null where there is nothing
 */
export function kept(name) {
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
      inMemory = value;
      try {
        if (value === null) localStorage.removeItem(PREFIX + name);
        else localStorage.setItem(PREFIX + name, JSON.stringify(value));
      } catch {
        // Blocked or full: then it lives as long as the page.
      }
    },
  };
}

/** Forgets what was kept, all of it or what `name` begins with, and the page that is shown in a dead zone. */
export async function forget(name = "") {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX + name)) localStorage.removeItem(key);
  } catch {
    // Blocked: nothing was kept.
  }
  await globalThis.caches?.delete(PAGES);
}
